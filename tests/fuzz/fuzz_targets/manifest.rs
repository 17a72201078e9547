#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| imgbuild_fuzz::manifest::run(input));
