//! What html.c calls; its declarations are in html5ever.h.

use crate::encoding::sniff;
use crate::ffi::RawSink;
use crate::{Options, Parser, Sink};
use encoding_rs::Encoding;
use html5ever::{namespace_url, ns, Attribute, LocalName, QualName};
use std::os::raw::{c_char, c_int, c_void};
use std::{ptr, slice};

/// `struct html5ever_options`
#[repr(C)]
pub struct RawOptions {
    label: *const c_char,
    label_size: usize,
    context: *const c_char, // null: a document
    context_size: usize,
    context_space: c_int, // enum copse_namespace
    scripting: bool,
    positions: bool,
    form: bool,
    quirks: bool,
    point: bool,
    error: Option<extern "C" fn(*mut c_void, u64, u64, *const c_char, usize)>,
    error_context: *mut c_void,
}

unsafe fn bytes<'a>(data: *const c_char, size: usize) -> &'a [u8] {
    if size == 0 {
        &[]
    } else {
        slice::from_raw_parts(data as *const u8, size)
    }
}

unsafe fn context(options: &RawOptions) -> Option<(QualName, Vec<Attribute>)> {
    if options.context.is_null() {
        return None;
    }
    let space = match options.context_space {
        2 => ns!(svg),
        3 => ns!(mathml),
        _ => ns!(html),
    };
    let local = String::from_utf8_lossy(bytes(options.context, options.context_size));
    let mut attributes = Vec::new();
    if options.point {
        attributes.push(Attribute {
            name: QualName::new(None, ns!(), LocalName::from("encoding")),
            value: "text/html".into(),
        });
    }
    Some((QualName::new(None, space, LocalName::from(local)), attributes))
}

/// Null: the label is not known.
///
/// # Safety
/// As C has it: the sink lives until the parser ends, and is used by nobody else.
#[no_mangle]
pub unsafe extern "C" fn html5ever_begin(
    raw: *mut RawSink,
    options: &RawOptions,
) -> *mut Parser {
    let label = Encoding::for_label(bytes(options.label, options.label_size));
    if label.is_none() && !options.label.is_null() {
        return ptr::null_mut();
    }
    let mut sink = Sink::from_raw(raw);
    if let Some(error) = options.error {
        let to = options.error_context;
        sink.on_error(Box::new(move |line, offset, message| {
            error(
                to,
                line,
                offset.unwrap_or(u64::MAX),
                message.as_ptr() as *const c_char,
                message.len(),
            )
        }));
    }
    Box::into_raw(Box::new(Parser::new(
        sink,
        Options {
            scripting: options.scripting,
            label,
            context: context(options),
            form: options.form,
            quirks: options.quirks,
            positions: options.positions,
            errors: options.error.is_some(),
        },
    )))
}

/// Not 0: it is too long.
///
/// # Safety
/// The parser came from `html5ever_begin()` and has not ended.
#[no_mangle]
pub unsafe extern "C" fn html5ever_feed(parser: &mut Parser, data: *const c_char, size: usize) -> c_int {
    parser.feed(bytes(data, size)).is_err().into()
}

/// Ends the parser. Not 0: the input was too long.
///
/// # Safety
/// As for `html5ever_feed()`.
#[no_mangle]
pub unsafe extern "C" fn html5ever_end(parser: *mut Parser) -> c_int {
    Box::from_raw(parser).end().is_err().into()
}

/// Ends it without a result.
///
/// # Safety
/// As for `html5ever_feed()`.
#[no_mangle]
pub unsafe extern "C" fn html5ever_drop(parser: *mut Parser) {
    drop(Box::from_raw(parser));
}

/// The name of the encoding, in lower case. Null: the label is not known.
///
/// # Safety
/// Both strings have their sizes; label may be null.
#[no_mangle]
pub unsafe extern "C" fn html5ever_sniff(
    data: *const c_char,
    size: usize,
    label: *const c_char,
    label_size: usize,
) -> *const c_char {
    let known = Encoding::for_label(bytes(label, label_size));
    if known.is_none() && !label.is_null() {
        return ptr::null();
    }
    let (encoding, _) = sniff(bytes(data, size), known);
    let found = NAMES.iter().find(|name| name[..name.len() - 1].eq_ignore_ascii_case(encoding.name()));
    found.map_or(ptr::null(), |name| name.as_ptr() as *const c_char)
}

/// The standard's encodings, as C has strings.
const NAMES: [&str; 40] = [
    "utf-8\0",
    "ibm866\0",
    "iso-8859-2\0",
    "iso-8859-3\0",
    "iso-8859-4\0",
    "iso-8859-5\0",
    "iso-8859-6\0",
    "iso-8859-7\0",
    "iso-8859-8\0",
    "iso-8859-8-i\0",
    "iso-8859-10\0",
    "iso-8859-13\0",
    "iso-8859-14\0",
    "iso-8859-15\0",
    "iso-8859-16\0",
    "koi8-r\0",
    "koi8-u\0",
    "macintosh\0",
    "windows-874\0",
    "windows-1250\0",
    "windows-1251\0",
    "windows-1252\0",
    "windows-1253\0",
    "windows-1254\0",
    "windows-1255\0",
    "windows-1256\0",
    "windows-1257\0",
    "windows-1258\0",
    "x-mac-cyrillic\0",
    "gbk\0",
    "gb18030\0",
    "big5\0",
    "euc-jp\0",
    "iso-2022-jp\0",
    "shift_jis\0",
    "euc-kr\0",
    "replacement\0",
    "utf-16be\0",
    "utf-16le\0",
    "x-user-defined\0",
];
