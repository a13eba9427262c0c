#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opencac_fuzz::dicom_series(data));
