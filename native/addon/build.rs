//! Where the macros of napi-derive leave the types that they see: `binding/` in cargo's profile
//! folder. A test makes TypeScript of them and compares it with the committed `binding.d.ts`.

use std::path::Path;

fn main() {
    napi_build::setup();
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let profile = Path::new(&out).ancestors().nth(3).expect("OUT_DIR lies in the profile's folder");
    let binding = profile.join("binding");
    std::fs::create_dir_all(&binding).expect("cargo's folder can be written");
    println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", binding.display());
}
