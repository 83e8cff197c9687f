//! The releases of `wit-bindgen`, each behind the same trait, and what generated bindings would
//! add to them: tables of builtins for a stream and a future of bytes, and a call.

use crate::host;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A read, a write or a call that the program polls.
pub type Operation = Pin<Box<dyn Operate>>;

/// What an operation gives is a word: `complete-2/1` copied two items, and one is in the buffer that
/// comes back.
pub trait Operate {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String>;
    /// `cancel()`, and the end of a future if that comes back.
    fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>);
}

/// User code that a release runs: the body of an export or of a `block_on`, or what is spawned.
pub type Body = Pin<Box<dyn Future<Output = ()>>>;

/// One release: both sides of the C ABI.
pub trait Release {
    fn start_task(&self, root: Body) -> u32;
    /// The same without a result: the task of no export.
    fn start_by_hand(&self, root: Body);
    fn callback(&self, event: u32, waitable: u32, code: u32) -> u32;
    fn block_on(&self, root: Body);
    fn spawn_local(&self, future: Body) -> Option<Box<dyn Join>>;
    /// A new stream or future: its writer and its reader.
    fn open(&self, future: bool) -> (Box<dyn End>, Box<dyn End>);
    /// A reader that came from outside.
    fn receive(&self, future: bool, handle: u32) -> Box<dyn End>;
    /// A call of an async import.
    fn call(&self) -> Operation;
}

/// The handle of a spawned future; no release before 0.63.0 gives one.
pub trait Join {
    fn cancel(&mut self);
    /// Whether what was spawned is over.
    fn poll(&mut self, context: &mut Context<'_>) -> bool;
}

#[cfg(feature = "async-spawn")]
impl Join for wit_bindgen_0_63::JoinHandle<()> {
    fn cancel(&mut self) {
        wit_bindgen_0_63::JoinHandle::cancel(self);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        Future::poll(Pin::new(self), context).is_ready()
    }
}

/// What a release's `spawn_local` gives.
#[cfg(feature = "async-spawn")]
trait Spawned {
    fn handle(self) -> Option<Box<dyn Join>>;
}

#[cfg(feature = "async-spawn")]
impl Spawned for () {
    fn handle(self) -> Option<Box<dyn Join>> {
        None
    }
}

#[cfg(feature = "async-spawn")]
impl<J: Join + 'static> Spawned for J {
    fn handle(self) -> Option<Box<dyn Join>> {
        Some(Box::new(self))
    }
}

/// An end of a stream or future that the program owns.
pub trait End {
    /// A read or a write: a stream's borrows the end, a future's owns it from then on.
    fn operate(&mut self, items: usize) -> Operation;
    /// Hand a reader out: its handle.
    fn take_handle(&mut self) -> u32;
}

macro_rules! releases {
    ($($name:literal $module:ident $crate_:ident;)*) => {
        /// The release of this name.
        pub fn release(name: &str) -> &'static dyn Release {
            match name {
                $($name => &$module::This,)*
                _ => panic!("no release {name}"),
            }
        }

        $(mod $module {
            use super::*;
            use std::alloc::Layout;
            use $crate_::rt::async_support::{self as rt, Subtask};
            use rt::{FutureRead, FutureReader, FutureVtable, FutureWrite, FutureWriteCancel, FutureWriter};
            use rt::{StreamRead, StreamReader, StreamResult, StreamVtable, StreamWrite, StreamWriter};

            static STREAM: StreamVtable<u8> = StreamVtable {
                layout: Layout::new::<u8>(),
                lower: None,
                dealloc_lists: None,
                lift: None,
                start_write: host::stream_write,
                start_read: host::stream_read,
                cancel_write: host::stream_cancel_write,
                cancel_read: host::stream_cancel_read,
                drop_writable: host::stream_drop_writable,
                drop_readable: host::stream_drop_readable,
                new: host::stream_new,
            };

            static FUTURE: FutureVtable<u8> = FutureVtable {
                layout: Layout::new::<u8>(),
                lower: |value, to| unsafe { *to = value },
                dealloc_lists: |_| (),
                lift: |from| unsafe { *from },
                start_write: host::future_write,
                start_read: host::future_read,
                cancel_write: host::future_cancel_write,
                cancel_read: host::future_cancel_read,
                drop_writable: host::future_drop_writable,
                drop_readable: host::future_drop_readable,
                new: host::future_new,
            };

            pub struct This;

            impl Release for This {
                fn start_task(&self, root: Body) -> u32 {
                    let code = rt::start_task(async move {
                        let cancel = rt::TaskCancelOnDrop::new();
                        root.await;
                        cancel.forget();
                        host::task_return();
                    });
                    code as u32
                }

                fn start_by_hand(&self, root: Body) {
                    rt::start_task(root);
                }

                fn callback(&self, event: u32, waitable: u32, code: u32) -> u32 {
                    unsafe { rt::callback(event, waitable, code) }
                }

                fn block_on(&self, root: Body) {
                    $crate_::block_on(root)
                }

                #[cfg(feature = "async-spawn")]
                fn spawn_local(&self, future: Body) -> Option<Box<dyn Join>> {
                    rt::spawn_local(future).handle()
                }

                #[cfg(not(feature = "async-spawn"))]
                fn spawn_local(&self, _: Body) -> Option<Box<dyn Join>> {
                    panic!("built without async-spawn");
                }

                fn open(&self, future: bool) -> (Box<dyn End>, Box<dyn End>) {
                    unsafe {
                        if future {
                            let (writer, reader) = rt::future_new(|| 0, &FUTURE);
                            return (Box::new(Some(writer)), Box::new(Some(reader)));
                        }
                        let (writer, reader) = rt::stream_new(&STREAM);
                        (Box::new(writer), Box::new(reader))
                    }
                }

                fn receive(&self, future: bool, handle: u32) -> Box<dyn End> {
                    if future {
                        return Box::new(Some(unsafe { FutureReader::new(handle, &FUTURE) }));
                    }
                    Box::new(StreamReader::new(handle, &STREAM))
                }

                fn call(&self) -> Operation {
                    Box::pin(Called(async { Call.call(()).await }))
                }
            }

            // SAFETY (of what borrows an end for ever): Wakeproof drops an operation before its end
            impl End for StreamReader<u8> {
                fn operate(&mut self, items: usize) -> Operation {
                    let end: &'static mut Self = unsafe { &mut *std::ptr::from_mut(self) };
                    Box::pin(end.read(Vec::with_capacity(items)))
                }

                fn take_handle(&mut self) -> u32 {
                    StreamReader::take_handle(self)
                }
            }

            impl End for StreamWriter<u8> {
                fn operate(&mut self, items: usize) -> Operation {
                    let end: &'static mut Self = unsafe { &mut *std::ptr::from_mut(self) };
                    Box::pin(end.write(vec![1; items]))
                }

                fn take_handle(&mut self) -> u32 {
                    unreachable!("a writer stays");
                }
            }

            impl End for Option<FutureReader<u8>> {
                fn operate(&mut self, _: usize) -> Operation {
                    Box::pin(self.take().expect("a reader").into_future())
                }

                fn take_handle(&mut self) -> u32 {
                    self.take().expect("a reader").take_handle()
                }
            }

            impl End for Option<FutureWriter<u8>> {
                fn operate(&mut self, _: usize) -> Operation {
                    Box::pin(self.take().expect("a writer").write(1))
                }

                fn take_handle(&mut self) -> u32 {
                    unreachable!("a writer stays");
                }
            }

            fn copied(result: StreamResult, left: usize) -> String {
                match result {
                    StreamResult::Complete(items) => format!("complete-{items}/{left}"),
                    StreamResult::Dropped => format!("dropped/{left}"),
                    StreamResult::Cancelled => format!("cancelled/{left}"),
                }
            }

            impl Operate for StreamRead<'static, u8> {
                fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
                    Future::poll(self, context).map(|(result, items)| copied(result, items.len()))
                }

                fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>) {
                    let (result, items) = StreamRead::cancel(self);
                    (copied(result, items.len()), None)
                }
            }

            impl Operate for StreamWrite<'static, u8> {
                fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
                    Future::poll(self, context).map(|(result, left)| copied(result, left.remaining()))
                }

                fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>) {
                    let (result, left) = StreamWrite::cancel(self);
                    (copied(result, left.into_vec().len()), None)
                }
            }

            impl Operate for FutureRead<u8> {
                fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
                    Future::poll(self, context).map(|_| "value".into())
                }

                fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>) {
                    match FutureRead::cancel(self) {
                        Ok(_) => ("value".into(), None),
                        Err(reader) => ("reader".into(), Some(Box::new(Some(reader)))),
                    }
                }
            }

            impl Operate for FutureWrite<u8> {
                fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
                    let word = |result: Result<_, _>| if result.is_ok() { "sent" } else { "returned" };
                    Future::poll(self, context).map(|result| word(result).into())
                }

                fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>) {
                    match FutureWrite::cancel(self) {
                        FutureWriteCancel::AlreadySent => ("sent".into(), None),
                        FutureWriteCancel::Dropped(_) => ("returned".into(), None),
                        FutureWriteCancel::Cancelled(_, writer) => {
                            ("writer".into(), Some(Box::new(Some(writer))))
                        }
                    }
                }
            }

            struct Called<F>(F);

            impl<F: Future<Output = ()>> Operate for Called<F> {
                fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
                    let inner = unsafe { self.map_unchecked_mut(|me| &mut me.0) };
                    inner.poll(context).map(|()| "ready".into())
                }

                fn cancel(self: Pin<&mut Self>) -> (String, Option<Box<dyn End>>) {
                    unreachable!("a call has no cancel()");
                }
            }

            /// An async import without parameters and results. The `bindings.rs` of an exported
            /// crate repeats this text, as such a crate stands alone.
            struct Call;

            unsafe impl Subtask for Call {
                type Params = ();
                type ParamsLower = ();
                type Results = ();

                fn abi_layout(&mut self) -> Layout {
                    Layout::new::<()>()
                }
                fn results_offset(&mut self) -> usize {
                    0
                }
                unsafe fn call_import(&mut self, (): (), _: *mut u8) -> u32 {
                    host::call_import()
                }
                unsafe fn params_lower(&mut self, (): (), _: *mut u8) {}
                unsafe fn params_dealloc_lists(&mut self, (): ()) {}
                unsafe fn params_dealloc_lists_and_own(&mut self, (): ()) {}
                unsafe fn results_lift(&mut self, _: *mut u8) {}
            }
        })*
    };
}

releases! {
    "0.58.0" v0_58 wit_bindgen_0_58;
    "0.59.0" v0_59 wit_bindgen_0_59;
    "0.60.0" v0_60 wit_bindgen_0_60;
    "0.61.1" v0_61 wit_bindgen_0_61;
    "0.62.0" v0_62 wit_bindgen_0_62;
    "0.63.0" v0_63 wit_bindgen_0_63;
}
