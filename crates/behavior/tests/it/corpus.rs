//! The texts with which the fuzzer begins and those that it once found: `fuzz/corpus/parse`.

use std::fs;
use std::path::Path;

use crate::holds;

#[test]
fn the_fuzzers_corpus_still_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/parse");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        if let Ok(text) = str::from_utf8(&text) {
            holds::for_text(text);
        }
        count += 1;
    }
    assert!(count >= 20, "{count}");
}
