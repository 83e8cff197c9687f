//! Two imports, which Wakeproof provides.

#[link(wasm_import_module = "wakeproof")]
unsafe extern "C" {
    #[link_name = "tell"]
    fn told(line: *const u8, length: usize);
    #[link_name = "ask"]
    fn asked(line: *const u8, length: usize, answer: *mut [usize; 2]);
}

/// Send a line that needs no answer.
pub fn tell(line: &str) {
    unsafe { told(line.as_ptr(), line.len()) };
}

/// Send a line; the words of the answer.
pub fn ask(line: &str) -> Vec<String> {
    let mut answer = [0; 2];
    unsafe { asked(line.as_ptr(), line.len(), &raw mut answer) };
    // SAFETY: the component's memory has it until the next answer
    let bytes = unsafe { std::slice::from_raw_parts(answer[0] as *const u8, answer[1]) };
    String::from_utf8_lossy(bytes).split(' ').map(String::from).collect()
}
