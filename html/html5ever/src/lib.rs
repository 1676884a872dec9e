//! HTML into Copse documents: html5ever's `TreeSink` over the tree sink of Copse's C library (`copse/sink.h`).
//!
//! `Sink` is used like any other sink of html5ever; `Parser` adds what bytes need, their encoding, and positions. What
//! either leaves is a `struct copse_sink`, which `copse_sink_put()` stores in a document. The same is made available
//! to C by `abi`, as a part of libcopse-html (`copse/html.h`).
//!
//! ```no_run
//! # use copse_html5ever::{Options, Parser, Sink};
//! let mut parser = Parser::new(Sink::new().expect("memory"), Options::default());
//! parser.feed(b"<p>Good ").unwrap();
//! parser.feed(b"morning").unwrap();
//! let raw = parser.end().unwrap().into_raw(); // for copse_sink_put()
//! # let _ = raw;
//! ```
//!
//! The program is linked with libcopse. See `examples/store.rs`.

pub mod abi;
pub mod encoding;
pub mod ffi;
mod names;
mod parser;
mod sink;

pub use parser::{Options, Parser, TooLong};
pub use sink::{ErrorHandler, Handle, Sink};
