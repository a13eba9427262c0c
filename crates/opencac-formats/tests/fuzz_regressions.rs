//! Runs every input that fuzzing started from, or that once crashed a reader, through its fuzz target.

use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

#[test]
fn seeds_and_former_crashes_pass() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut inputs = 0;
    for kind in ["seeds", "regressions"] {
        for target in std::fs::read_dir(fuzz.join(kind)).unwrap() {
            let target = target.unwrap();
            if !target.file_type().unwrap().is_dir() {
                continue;
            }
            let name = target.file_name().into_string().unwrap();
            for input in std::fs::read_dir(target.path()).unwrap() {
                let bytes = std::fs::read(input.unwrap().path()).unwrap();
                assert!(targets::run(&name, &bytes), "fuzz/{kind}/{name} has no target");
                inputs += 1;
            }
        }
    }
    assert!(inputs >= 20, "only {inputs} inputs found in {}", fuzz.display());
}
