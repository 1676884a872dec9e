//! Parses a file into a document of a store: `store [--sniff] PATH NAME FILE`. The bytes are UTF-8, and html5ever's own
//! driver parses them; with `--sniff` the parser of this crate, which finds out the encoding.

use copse_html5ever::ffi::RawSink;
use copse_html5ever::{Options, Parser, Sink};
use html5ever::tendril::TendrilSink;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};
use std::{env, fs, process, ptr};

#[link(name = "copse")]
extern "C" {
    fn copse_store_open(
        path: *const c_char,
        options: *const StoreOptions,
        store: *mut *mut c_void,
    ) -> c_int;
    fn copse_store_close(store: *mut c_void) -> c_int;
    fn copse_document_ensure(
        store: *mut c_void,
        name: *const c_char,
        timeout_ns: i64,
        document: *mut *mut c_void,
    ) -> c_int;
    fn copse_document_close(document: *mut c_void);
    fn copse_txn_begin(store: *mut c_void, timeout_ns: i64, txn: *mut *mut c_void) -> c_int;
    fn copse_txn_commit(txn: *mut c_void, version: *mut u64) -> c_int;
    fn copse_sink_put(txn: *mut c_void, document: *mut c_void, sink: *mut RawSink) -> c_int;
    fn copse_sink_free(sink: *mut RawSink);
}

/// The first member of `struct copse_store_options`; the others are zero, which is a sane choice.
#[repr(C)]
struct StoreOptions {
    flags: u32,
    rest: [u32; 64],
}
const CREATE: u32 = 1;

fn check(result: c_int) {
    if result != 0 {
        eprintln!("error {}", result);
        process::exit(1);
    }
}

fn parse(bytes: &[u8], sniff: bool) -> *mut RawSink {
    let sink = Sink::new().expect("memory");
    let sink = if sniff {
        let mut parser = Parser::new(sink, Options::default());
        parser.feed(bytes).expect("less than 4 GiB");
        parser.end().expect("less than 4 GiB")
    } else {
        html5ever::parse_document(sink, Default::default()).from_utf8().one(bytes)
    };
    sink.into_raw()
}

fn main() {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let sniff = arguments.first().map_or(false, |first| first == "--sniff");
    if sniff {
        arguments.remove(0);
    }
    if arguments.len() != 3 {
        eprintln!("usage: store [--sniff] PATH NAME FILE");
        process::exit(2);
    }
    let path = CString::new(&*arguments[0]).expect("no NUL");
    let name = CString::new(&*arguments[1]).expect("no NUL");
    let sink = parse(&fs::read(&arguments[2]).expect("a file"), sniff);
    let options = StoreOptions { flags: CREATE, rest: [0; 64] };
    let (mut store, mut document, mut txn) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    unsafe {
        check(copse_store_open(path.as_ptr(), &options, &mut store));
        check(copse_document_ensure(store, name.as_ptr(), -1, &mut document));
        check(copse_txn_begin(store, -1, &mut txn));
        check(copse_sink_put(txn, document, sink));
        check(copse_txn_commit(txn, ptr::null_mut()));
        copse_sink_free(sink);
        copse_document_close(document);
        check(copse_store_close(store));
    }
}
