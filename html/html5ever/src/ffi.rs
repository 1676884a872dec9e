//! The functions of `copse/sink.h`.

use std::os::raw::{c_char, c_int};

/// `struct copse_sink`
#[repr(C)]
pub struct RawSink {
    _private: [u8; 0],
}

/// `struct copse_sink_attribute`
#[repr(C)]
pub struct Attribute {
    pub name: u32,
    pub size: u32,
    pub value: *const c_char,
}

/// `enum copse_sink_flag`
pub const TEMPLATE: u32 = 1;
pub const MATHML_POINT: u32 = 2;

extern "C" {
    pub fn copse_sink_new(sink: *mut *mut RawSink) -> c_int;
    pub fn copse_sink_free(sink: *mut RawSink);
    pub fn copse_sink_name(
        sink: *mut RawSink,
        space: c_int,
        prefix: *const c_char,
        prefix_size: usize,
        local: *const c_char,
        local_size: usize,
    ) -> u32;
    pub fn copse_sink_document(sink: *mut RawSink) -> u32;
    pub fn copse_sink_element(
        sink: *mut RawSink,
        name: u32,
        attributes: *const Attribute,
        n: usize,
        flags: u32,
    ) -> u32;
    pub fn copse_sink_comment(sink: *mut RawSink, text: *const c_char, size: usize) -> u32;
    pub fn copse_sink_instruction(
        sink: *mut RawSink,
        target: *const c_char,
        target_size: usize,
        text: *const c_char,
        size: usize,
    ) -> u32;
    pub fn copse_sink_contents(sink: *mut RawSink, element: u32) -> u32;
    pub fn copse_sink_parent(sink: *const RawSink, node: u32) -> u32;
    pub fn copse_sink_append(sink: *mut RawSink, parent: u32, node: u32);
    pub fn copse_sink_text_append(
        sink: *mut RawSink,
        parent: u32,
        text: *const c_char,
        size: usize,
    );
    pub fn copse_sink_before(sink: *mut RawSink, sibling: u32, node: u32);
    pub fn copse_sink_text_before(
        sink: *mut RawSink,
        sibling: u32,
        text: *const c_char,
        size: usize,
    );
    pub fn copse_sink_doctype(
        sink: *mut RawSink,
        name: *const c_char,
        name_size: usize,
        public_id: *const c_char,
        public_size: usize,
        system_id: *const c_char,
        system_size: usize,
    );
    pub fn copse_sink_quirks(sink: *mut RawSink, quirks: c_int);
    pub fn copse_sink_attributes_add(
        sink: *mut RawSink,
        element: u32,
        attributes: *const Attribute,
        n: usize,
    );
    pub fn copse_sink_detach(sink: *mut RawSink, node: u32);
    pub fn copse_sink_reparent(sink: *mut RawSink, node: u32, parent: u32);
    pub fn copse_sink_start_tag(sink: *mut RawSink, element: u32, begin: u64, end: u64);
    pub fn copse_sink_end_tag(sink: *mut RawSink, element: u32, end: u64);
}
