//! For the benchmark: a sink that keeps nothing, rcdom written out, and rcdom's nodes made and taken apart.

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::serialize::{serialize, SerializeOpts};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{
    local_name, namespace_url, ns, parse_document, Attribute, ExpandedName, LocalName, ParseOpts, QualName,
};
use markup5ever_rcdom::{Handle, RcDom, SerializableHandle};
use std::borrow::Cow;
use std::os::raw::{c_char, c_void};
use std::slice;
use std::time::Instant;

/// Nodes are numbers; only elements' names are kept, for the parser asks for them.
struct NullSink {
    names: Vec<QualName>,
}

impl NullSink {
    fn node(&mut self) -> usize {
        self.names.push(QualName::new(None, ns!(), local_name!("")));
        self.names.len() - 1
    }
}

impl TreeSink for NullSink {
    type Handle = usize;
    type Output = usize;
    fn finish(self) -> usize {
        self.names.len()
    }
    fn parse_error(&mut self, _: Cow<'static, str>) {}
    fn get_document(&mut self) -> usize {
        0
    }
    fn elem_name<'a>(&'a self, target: &'a usize) -> ExpandedName<'a> {
        self.names[*target].expanded()
    }
    fn create_element(&mut self, name: QualName, _: Vec<Attribute>, _: ElementFlags) -> usize {
        self.names.push(name);
        self.names.len() - 1
    }
    fn create_comment(&mut self, _: StrTendril) -> usize {
        self.node()
    }
    fn create_pi(&mut self, _: StrTendril, _: StrTendril) -> usize {
        self.node()
    }
    fn append(&mut self, _: &usize, _: NodeOrText<usize>) {}
    fn append_based_on_parent_node(&mut self, _: &usize, _: &usize, _: NodeOrText<usize>) {}
    fn append_doctype_to_document(&mut self, _: StrTendril, _: StrTendril, _: StrTendril) {}
    fn get_template_contents(&mut self, target: &usize) -> usize {
        *target
    }
    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }
    fn set_quirks_mode(&mut self, _: QuirksMode) {}
    fn append_before_sibling(&mut self, _: &usize, _: NodeOrText<usize>) {}
    fn add_attrs_if_missing(&mut self, _: &usize, _: Vec<Attribute>) {}
    fn remove_from_parent(&mut self, _: &usize) {}
    fn reparent_children(&mut self, _: &usize, _: &usize) {}
}

/// The parser's own work: what parsing takes when nothing is kept. Gives the number of nodes but text.
///
/// # Safety
/// `bytes` has its size.
#[no_mangle]
pub unsafe extern "C" fn oracle_null(bytes: *const c_char, size: usize) -> usize {
    let input = String::from_utf8_lossy(slice::from_raw_parts(bytes as *const u8, size));
    let mut sink = NullSink { names: Vec::new() };
    sink.node();
    parse_document(sink, ParseOpts::default()).one(StrTendril::from(&*input))
}

/// The document as HTML, thrown away: how many bytes there were.
///
/// # Safety
/// `dom` came from `oracle_parse()`.
#[no_mangle]
pub unsafe extern "C" fn oracle_write(dom: *mut c_void) -> usize {
    let document = SerializableHandle::from((*(dom as *mut RcDom)).document.clone());
    let mut out = Vec::new();
    serialize(&mut out, &document, SerializeOpts::default()).expect("memory");
    out.len()
}

/// Makes n elements, number i the last child of number parents[i] (0: the document's); detaches them in the same
/// order. Gives the ns that each of the two took.
///
/// # Safety
/// `parents` has n numbers, `ns` room for two.
#[no_mangle]
pub unsafe extern "C" fn oracle_nodes(parents: *const u32, n: usize, ns: *mut u64) {
    let parents = slice::from_raw_parts(parents, n);
    let mut dom = RcDom::default();
    let name = QualName::new(None, ns!(html), LocalName::from("div"));
    let mut nodes: Vec<Handle> = Vec::with_capacity(n);
    nodes.push(dom.document.clone());
    let began = Instant::now();
    for &parent in &parents[1..] {
        let node = dom.create_element(name.clone(), Vec::new(), ElementFlags::default());
        dom.append(&nodes[parent as usize], NodeOrText::AppendNode(node.clone()));
        nodes.push(node);
    }
    *ns = began.elapsed().as_nanos() as u64;
    let began = Instant::now();
    for node in &nodes[1..] {
        dom.remove_from_parent(node);
    }
    *ns.add(1) = began.elapsed().as_nanos() as u64;
}
