use super::*;
use crate::document::Document;

/// What one value is read as, or the sentence of its problem.
fn read<T>(value: &str, read: impl FnOnce(&Value<'_>, &mut Reader<'_>) -> Option<T>) -> Result<T, String> {
    let source = format!("x = {value}");
    let result = Document::parse(&source).read(&Groups::new(), |fields| fields.required("x", read));
    result.map_err(|problems| {
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(source.get(problems[0].place.clone()), Some(value));
        problems[0].what.to_string()
    })
}

#[test]
fn the_last_moment_of_the_calendar_is_one() {
    let moment = |value: &str| read(value, |value, reader| reader.moment(value)).map(|moment| moment.0);
    for (text, seconds) in [
        ("9999-12-31", 253_402_214_400),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("9999-12-31 23:59:59.999Z", 253_402_300_799),
        ("9999-12-31T23:59:59-05:00", 253_402_300_799 + 5 * 3600),
        ("9999-12-31t23:59:59+05:30", 253_402_300_799 - 5 * 3600 - 1800),
        ("0000-01-01", -62_167_219_200),
        ("2027-03-01T18:00:00.9Z", 1_803_924_000),
    ] {
        assert_eq!(moment(text), Ok(seconds), "{text}");
    }
    for text in ["9999-12-31T23:59:59", "18:00:00", "2027-03-01T18:00:00"] {
        assert!(moment(text).unwrap_err().contains("is not a date or a time with its offset"), "{text}");
    }
}

#[test]
fn durations_have_a_unit_and_a_bound() {
    let duration = |value: &str| read(&format!("\"{value}\""), |value, reader| reader.duration(value));
    for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("72h", 259_200), ("36525d", LONGEST_DURATION)] {
        assert_eq!(duration(text), Ok(seconds), "{text}");
    }
    for text in ["", "h", "72", "72 h", "+72h", "-1h", "1.5h", "36526d", "1H", "1h30m", "9999999999999999999d", "7ü"] {
        assert!(duration(text).unwrap_err().starts_with(&format!("`{text}` is not a duration")), "{text}");
    }
    assert!(read("72", |value, reader| reader.duration(value)).unwrap_err().ends_with("and is a whole number"));
}

#[test]
fn sizes_have_a_unit_and_a_bound() {
    let size = |value: &str| read(&format!("\"{value}\""), |value, reader| reader.size(value));
    for (text, bytes) in [
        ("0 B", 0),
        ("500B", 500),
        ("64 KiB", 65_536),
        ("10 MiB", 10_485_760),
        ("2GiB", 2_147_483_648),
        ("1000000 GiB", LARGEST_SIZE),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in [
        "",
        "B",
        "10",
        "10 MB",
        "10 mib",
        "10  MiB",
        " 10 MiB",
        "10 MiB ",
        "-1 B",
        "+1 B",
        "1.5 MiB",
        "1000001 GiB",
        "99999999999999999999 B",
        "10 M",
        "10ü",
    ] {
        assert!(size(text).unwrap_err().starts_with(&format!("`{text}` is not a size")), "{text}");
    }
    assert!(read("10", |value, reader| reader.size(value)).unwrap_err().ends_with("and is a whole number"));
}

#[test]
fn a_date_is_its_first_second_and_a_time_needs_its_offset() {
    let moment = |value: &str| read(value, |value, reader| reader.moment(value)).map(|moment| moment.0);
    for (text, seconds) in [
        ("1970-01-01", 0),
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T18:00:00Z", 1_801_418_400),
        ("2027-01-31 20:00:00+02:00", 1_801_418_400),
        ("2027-01-31T18:00:00.999Z", 1_801_418_400),
        ("2027-01-31t18:00z", 1_801_418_400),
        ("1969-12-31T23:59:59Z", -1),
        ("0001-01-01", -62_135_596_800),
    ] {
        assert_eq!(moment(text), Ok(seconds), "{text}");
    }
    for text in ["2027-01-31T18:00:00", "18:00:00", "2027-01-31T18:00"] {
        assert!(moment(text).unwrap_err().contains("is not a date or a time with its offset"), "{text}");
    }
    assert!(moment("\"2027-01-31\"").unwrap_err().ends_with("and is a string"));
    assert!(moment("2027-02-30").unwrap_err().starts_with("invalid date"));
}

#[test]
fn whole_numbers_keep_within_their_range() {
    let whole = |value: &str| read(value, |value, reader| reader.whole(value, 1..=100));
    assert_eq!(whole("1"), Ok(1));
    assert_eq!(whole("0x1_0"), Ok(16));
    for text in ["0", "101", "-1", "99999999999999999999999"] {
        assert!(whole(text).unwrap_err().ends_with("is not a whole number from 1 to 100"), "{text}");
    }
    assert_eq!(whole("1.0").unwrap_err(), "this has to be a whole number, and is a number with a fraction");
}

#[test]
fn object_ids_are_full() {
    let id = |value: &str| read(&format!("\"{value}\""), |value, reader| reader.object_id(value));
    let full = "3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0";
    assert_eq!(id(full).unwrap().to_string(), full);
    assert!(id(&"a".repeat(64)).is_ok());
    for text in [&full[1..], &full.to_ascii_uppercase(), &"0".repeat(40), "HEAD"] {
        assert!(id(text).unwrap_err().contains("is not a full object id"), "{text}");
    }
}

#[test]
fn text_is_one_line_that_says_something() {
    let text = |value: &str| read(value, |value, reader| reader.text(value).map(str::to_owned));
    assert_eq!(text("\"release tags\""), Ok("release tags".to_owned()));
    assert_eq!(text("\" \"").unwrap_err(), "this may not be empty");
    for value in ["\"a\\nb\"", "\"a\\u001b[2Jb\"", "\"a\\u0085b\""] {
        assert_eq!(text(value).unwrap_err(), "this may not hold line breaks or control characters");
    }
}

#[test]
fn every_bad_element_of_a_list_is_told() {
    let source = "x = [1, 'good', [], true]";
    let problems = Document::parse(source)
        .read(&Groups::new(), |fields| {
            fields.optional("x", |value, reader| {
                reader.list(value, |value, reader| reader.string(value).map(str::to_owned))
            })
        })
        .unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| &source[problem.place.clone()]).collect();
    assert_eq!(found, ["1", "[]", "true"]);
}

#[test]
fn a_table_within_knows_its_own_keys_alone() {
    let source = "version = 1\nx = { by = 1, version = 2 }";
    let problems = Document::parse(source)
        .read(&Groups::new(), |fields| {
            fields.required("version", |value, reader| reader.whole(value, 1..=1));
            fields.required("x", |value, reader| {
                reader.table(value, |fields| fields.required("by", |value, reader| reader.whole(value, 1..=1)))
            })
        })
        .unwrap_err();
    let place = source.rfind("version").unwrap();
    let what = What::UnknownKey { key: "version".into(), nearest: None };
    assert_eq!(problems, [Problem { place: place..place + 7, what }]);
}
