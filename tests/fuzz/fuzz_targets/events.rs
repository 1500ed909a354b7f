//! Arbitrary bytes as an event file; records end within the file.
#![no_main]

use gan_cuda::formats::events::record::{events, framed};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut begin = 0;
    for (end, event) in events(bytes) {
        assert!(begin < end && end <= bytes.len());
        assert_eq!(events(&framed(&event)).next().map(|(_, event)| event.step), Some(event.step));
        begin = end;
    }
});
