//! The tree sink: html5ever's calls, handed on to C.

use crate::ffi::{self, RawSink};
use crate::names::{space_number, Names};
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, ExpandedName, LocalName, Namespace, Prefix, QualName};
use std::borrow::Cow;
use std::os::raw::c_char;
use std::ptr;

/// A node of a sink. It knows its element's name, which the parser asks for all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    node: u32,
    name: u32, // an index of Names, and POINT
}

const POINT: u32 = 1 << 31;

/// Receives parse errors: line, offset in the input (if it is known), message.
pub type ErrorHandler = Box<dyn FnMut(u64, Option<u64>, &str)>;

/// Where the tag that the parser is working on lies, and what has come of it.
pub(crate) struct CurrentTag {
    pub name: LocalName,
    pub begin: u64,
    pub end: u64,
    pub is_end: bool,
    pub made: Option<Handle>,
}

/// Elements in the order in which they were opened, for finding the one that an end tag ends.
pub(crate) struct Positions {
    pub open: Vec<Handle>,
    pub tag: Option<CurrentTag>,
    pub before: usize, // of open, when the tag came
}

/// A tree that is being made. Implements html5ever's `TreeSink`.
///
/// It belongs to C's `struct copse_sink`, which `into_raw()` hands out for `copse_sink_put()`.
pub struct Sink {
    raw: *mut RawSink,
    owned: bool,
    names: Names,
    attributes: Vec<ffi::Attribute>,
    root: Option<Handle>,
    pub(crate) line: u64,
    pub(crate) offset: Option<u64>, // of what the parser is looking at
    pub(crate) positions: Option<Positions>,
    pub(crate) asked: std::cell::Cell<u32>, // the node whose name was asked for last
    error: Option<ErrorHandler>,
}

impl Sink {
    /// None when memory is short.
    pub fn new() -> Option<Sink> {
        let mut raw = ptr::null_mut();
        if unsafe { ffi::copse_sink_new(&mut raw) } != 0 {
            return None;
        }
        let mut sink = unsafe { Sink::from_raw(raw) };
        sink.owned = true;
        Some(sink)
    }

    /// A sink that belongs to somebody else.
    ///
    /// # Safety
    /// `raw` came from `copse_sink_new()` and lives as long as the result.
    pub unsafe fn from_raw(raw: *mut RawSink) -> Sink {
        Sink {
            raw,
            owned: false,
            names: Names::new(),
            attributes: Vec::new(),
            root: None,
            line: 1,
            offset: None,
            positions: None,
            asked: std::cell::Cell::new(0),
            error: None,
        }
    }

    /// The C sink; the caller frees it with `copse_sink_free()`.
    pub fn into_raw(mut self) -> *mut RawSink {
        self.owned = false;
        self.raw
    }

    /// Parse errors go there.
    pub fn on_error(&mut self, handler: ErrorHandler) {
        self.error = Some(handler);
    }

    /// After a fragment was parsed: its nodes lie below an html element, which goes; they become the document's.
    pub fn unwrap_fragment(&mut self) {
        if let Some(root) = self.root.take() {
            unsafe {
                ffi::copse_sink_detach(self.raw, root.node);
                ffi::copse_sink_reparent(self.raw, root.node, ffi::copse_sink_document(self.raw));
            }
        }
    }

    fn name(&mut self, prefix: &Option<Prefix>, space: &Namespace, local: &LocalName) -> u32 {
        let raw = self.raw;
        self.names.index(prefix, space, local, || {
            let (before, size) = prefix.as_ref().map_or((ptr::null(), 0), |p| (p.as_ptr(), p.len()));
            unsafe {
                ffi::copse_sink_name(
                    raw,
                    space_number(space),
                    before as *const c_char,
                    size,
                    local.as_ptr() as *const c_char,
                    local.len(),
                )
            }
        })
    }

    /// What C takes, in self.attributes; the values are lent by `attrs`.
    fn lend(&mut self, attrs: &[Attribute]) {
        self.attributes.clear();
        for attr in attrs {
            let index = self.name(&attr.name.prefix, &attr.name.ns, &attr.name.local);
            self.attributes.push(ffi::Attribute {
                name: self.names.get(index).number,
                size: attr.value.len32(),
                value: attr.value.as_ptr() as *const c_char,
            });
        }
    }

    fn of_no_name(&self, node: u32) -> Handle {
        Handle { node, name: 0 }
    }

    pub(crate) fn start_tag(&mut self, element: Handle, begin: u64, end: u64) {
        unsafe { ffi::copse_sink_start_tag(self.raw, element.node, begin, end) }
    }

    pub(crate) fn end_tag(&mut self, element: Handle, end: u64) {
        unsafe { ffi::copse_sink_end_tag(self.raw, element.node, end) }
    }

    /// Whether a tag of that name is the element's: names in SVG have capitals.
    pub(crate) fn is_named(&self, element: Handle, tag: &LocalName) -> bool {
        self.names.get(element.name & !POINT).local.eq_ignore_ascii_case(tag)
    }
}

impl Handle {
    pub(crate) fn is(self, node: u32) -> bool {
        self.node == node
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.owned {
            unsafe { ffi::copse_sink_free(self.raw) }
        }
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Sink;

    fn finish(self) -> Sink {
        self
    }

    fn parse_error(&mut self, message: Cow<'static, str>) {
        if let Some(handler) = &mut self.error {
            handler(self.line, self.offset, &message);
        }
    }

    fn set_current_line(&mut self, line: u64) {
        self.line = line;
    }

    fn get_document(&mut self) -> Handle {
        self.of_no_name(unsafe { ffi::copse_sink_document(self.raw) })
    }

    #[inline]
    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        if self.positions.is_some() {
            self.asked.set(target.node);
        }
        let name = self.names.get(target.name & !POINT);
        ExpandedName { ns: &name.space, local: &name.local }
    }

    fn create_element(&mut self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> Handle {
        let index = self.name(&name.prefix, &name.ns, &name.local);
        self.lend(&attrs);
        let mut bits = 0;
        let mut marked = index;
        if flags.template {
            bits |= ffi::TEMPLATE;
        }
        if flags.mathml_annotation_xml_integration_point {
            bits |= ffi::MATHML_POINT;
            marked |= POINT;
        }
        let number = self.names.get(index).number;
        let node = unsafe {
            ffi::copse_sink_element(self.raw, number, self.attributes.as_ptr(), attrs.len(), bits)
        };
        let handle = Handle { node, name: marked };
        if let Some(positions) = &mut self.positions {
            positions.open.push(handle);
            if let Some(tag) = &mut positions.tag {
                if !tag.is_end && name.local.eq_ignore_ascii_case(&tag.name)
                    || &*name.local == "img" && &*tag.name == "image"
                {
                    tag.made = Some(handle);
                }
            }
        }
        handle
    }

    fn create_comment(&mut self, text: StrTendril) -> Handle {
        self.of_no_name(unsafe {
            ffi::copse_sink_comment(self.raw, text.as_ptr() as *const c_char, text.len())
        })
    }

    fn create_pi(&mut self, target: StrTendril, data: StrTendril) -> Handle {
        self.of_no_name(unsafe {
            ffi::copse_sink_instruction(
                self.raw,
                target.as_ptr() as *const c_char,
                target.len(),
                data.as_ptr() as *const c_char,
                data.len(),
            )
        })
    }

    fn append(&mut self, parent: &Handle, child: NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(node) => {
                if self.root.is_none() && parent.node == unsafe { ffi::copse_sink_document(self.raw) } {
                    self.root = Some(node);
                }
                unsafe { ffi::copse_sink_append(self.raw, parent.node, node.node) }
            }
            NodeOrText::AppendText(text) => unsafe {
                let bytes = text.as_ptr() as *const c_char;
                ffi::copse_sink_text_append(self.raw, parent.node, bytes, text.len())
            },
        }
    }

    fn append_before_sibling(&mut self, sibling: &Handle, child: NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(node) => unsafe {
                ffi::copse_sink_before(self.raw, sibling.node, node.node)
            },
            NodeOrText::AppendText(text) => unsafe {
                let bytes = text.as_ptr() as *const c_char;
                ffi::copse_sink_text_before(self.raw, sibling.node, bytes, text.len())
            },
        }
    }

    fn append_based_on_parent_node(
        &mut self,
        element: &Handle,
        prev_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        if unsafe { ffi::copse_sink_parent(self.raw, element.node) } != 0 {
            self.append_before_sibling(element, child)
        } else {
            self.append(prev_element, child)
        }
    }

    fn append_doctype_to_document(
        &mut self,
        name: StrTendril,
        public_id: StrTendril,
        system_id: StrTendril,
    ) {
        unsafe {
            ffi::copse_sink_doctype(
                self.raw,
                name.as_ptr() as *const c_char,
                name.len(),
                public_id.as_ptr() as *const c_char,
                public_id.len(),
                system_id.as_ptr() as *const c_char,
                system_id.len(),
            )
        }
    }

    fn pop(&mut self, node: &Handle) {
        let end = match &self.positions {
            Some(Positions { tag: Some(tag), .. }) if tag.is_end => {
                if !self.is_named(*node, &tag.name) {
                    return;
                }
                tag.end
            }
            _ => return,
        };
        self.end_tag(*node, end);
    }

    fn get_template_contents(&mut self, target: &Handle) -> Handle {
        self.of_no_name(unsafe { ffi::copse_sink_contents(self.raw, target.node) })
    }

    #[inline]
    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.node == y.node
    }

    fn set_quirks_mode(&mut self, mode: QuirksMode) {
        let quirks = match mode {
            QuirksMode::NoQuirks => 0,
            QuirksMode::LimitedQuirks => 1,
            QuirksMode::Quirks => 2,
        };
        unsafe { ffi::copse_sink_quirks(self.raw, quirks) }
    }

    fn add_attrs_if_missing(&mut self, target: &Handle, attrs: Vec<Attribute>) {
        self.lend(&attrs);
        unsafe {
            ffi::copse_sink_attributes_add(
                self.raw,
                target.node,
                self.attributes.as_ptr(),
                attrs.len(),
            )
        }
    }

    fn remove_from_parent(&mut self, target: &Handle) {
        unsafe { ffi::copse_sink_detach(self.raw, target.node) }
    }

    fn reparent_children(&mut self, node: &Handle, new_parent: &Handle) {
        unsafe { ffi::copse_sink_reparent(self.raw, node.node, new_parent.node) }
    }

    #[inline]
    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        handle.name & POINT != 0
    }
}
