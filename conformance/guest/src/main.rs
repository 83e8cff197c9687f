//! The released guest runtimes under a scripted program and a scripted host.
//!
//! Wakeproof writes commands to standard input and reads what happens from standard output, one
//! line each (`wire`). It answers calls of the host's builtins (`host`), gets a line for every call
//! through the C ABI between an executor and an operation (`abi`), and commands the user code,
//! which is one future, at every poll and in its destructor (`program`). Every walk runs in a
//! process of its own, forked from the first, so that statics are fresh and a panic or a fault is
//! an outcome. Every call of an export has a thread (`host::threads`). Freed memory is never used again, and touching it is a fault (`fence`).

mod abi;
mod fence;
mod host;
mod program;
mod releases;
mod shared;
mod wire;

#[global_allocator]
static MEMORY: fence::Fence = fence::Fence;

fn main() {
    std::panic::set_hook(Box::new(|panic| {
        // one word, whatever the folder is called
        let place = panic.location().map(ToString::to_string).unwrap_or_default().replace(' ', "_");
        let message = panic.to_string().replace('\n', " ");
        wire::tell(&format!("panic {place} {message}"));
        wire::end(0);
    }));
    while let Some(line) = wire::read() {
        if line != "walk" {
            // meant for a walk that had ended already
            continue;
        }
        match unsafe { libc::fork() } {
            0 => walk(),
            -1 => panic!("fork failed"),
            child => {
                let mut status = 0;
                unsafe { libc::waitpid(child, &mut status, 0) };
                wire::tell(&format!(
                    "ended {}",
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
                ));
                wire::flush();
            }
        }
    }
}

/// One walk: exports are called and called back as Wakeproof commands, until it sends `quit`.
fn walk() -> ! {
    #[cfg(target_os = "linux")]
    unsafe {
        // no walk outlives the process that started it
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    fence::raise();
    program::idle();
    wire::end(0)
}
