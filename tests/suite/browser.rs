//! The browser that pages are shown in here is one.

use crate::support::browser::{Scheme, render};
use std::{fs, thread};

const PAGE: &str = "<!DOCTYPE html><meta charset=\"utf-8\"><title>ü</title>
<style>
:root { color-scheme: light dark } html { background: #fff } body { margin: 0 }
div { width: 40px; height: 40px; background: #c00000 }
@media (prefers-color-scheme: dark) { html { background: #102030 } }
@media print { p { break-before: page } }
</style>
<div></div><p>one<p>two<img src=\"http://192.0.2.1/x.png\"><script src=\"https://example.com/x.js\"></script>
<script>document.querySelector('p').textContent = matchMedia('(prefers-color-scheme: dark)').matches</script>
";

#[test]
fn a_page_is_seen_light_and_dark_and_on_paper_and_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("a page.html");
    fs::write(&page, PAGE).unwrap();
    let [light, dark] = thread::scope(|scope| {
        let open = |scheme| {
            scope.spawn({
                let page = &page;
                move || render(page, scheme, (300, 200))
            })
        };
        [open(Scheme::Light), open(Scheme::Dark)].map(|opened| opened.join().unwrap())
    });
    for (rendered, background, is_dark) in [(&light, [255, 255, 255], false), (&dark, [0x10, 0x20, 0x30], true)] {
        assert_eq!((rendered.screen.width, rendered.screen.height), (300, 200));
        assert_eq!(rendered.screen.at(20, 20), [0xc0, 0, 0]);
        assert_eq!(rendered.screen.at(299, 199), background);
        assert!(rendered.document.contains(&format!("<p>{is_dark}</p>")), "{}", rendered.document);
        assert!(rendered.document.contains("<title>ü</title>"), "{}", rendered.document);
        assert_eq!(rendered.sheets(), 3);
        assert_eq!(rendered.requests, ["http://192.0.2.1/x.png", "https://example.com/x.js"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "it leaves nothing beside the page");
}
