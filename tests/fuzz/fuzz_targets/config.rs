//! Arbitrary text as a `config.toml`; a readable configuration can be written and read again
//! without changes.
#![no_main]

use std::path::Path;

use gan_cuda::run::config::Config;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = Path::new("config.toml");
    if let Ok(config) = Config::from_text(path, text) {
        let written = config.to_text().expect("a configuration that was read");
        assert_eq!(Config::from_text(path, &written).expect("one that was written"), config);
    }
});
