//! The same program and releases as the core module of a component: the host is a real one, which
//! calls the exports. The component connects the builtins and the lines to Wakeproof.

#![cfg(target_family = "wasm")]

mod abi;
mod fence;
mod host;
mod program;
mod releases;
mod shared;
mod wire;

use wire::{ask, tell};

#[global_allocator]
static MEMORY: fence::Fence = fence::Fence;

/// Before anything else: the release of the imports, and the channels that are open.
#[unsafe(export_name = "set-up")]
extern "C" fn set_up() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default().replace(' ', "_");
        tell(&format!("panic {place} {}", panic.to_string().replace('\n', " ")));
    }));
    fence::raise();
    program::idle();
}

/// Enter an export, whose arguments Wakeproof completes; the code that it returns.
fn enter(line: &str) -> u32 {
    let code = program::command(&ask(line), None);
    tell(&format!("at idle {code}"));
    code.parse().expect("a code")
}

/// An export of synchronous type.
#[unsafe(export_name = "sync")]
extern "C" fn sync() {
    tell("enter sync");
    program::sync_export();
    tell("at idle -");
}

macro_rules! tasks {
    ($($number:literal $start:ident $callback:ident;)*) => {
        $(
            #[unsafe(export_name = concat!("start-", $number))]
            extern "C" fn $start() -> u32 {
                enter(concat!("enter start ", $number))
            }

            #[unsafe(export_name = concat!("callback-", $number))]
            extern "C" fn $callback(event: u32, waitable: u32, code: u32) -> u32 {
                let line = format!("enter callback {} {event} {waitable} {code}", $number);
                enter(&line)
            }
        )*
    };
}

tasks! {
    "1" start_1 callback_1;
    "2" start_2 callback_2;
    "3" start_3 callback_3;
    "4" start_4 callback_4;
    "5" start_5 callback_5;
    "6" start_6 callback_6;
}
