//! html5ever into its own rcdom, for C.

mod bench;

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tokenizer::TokenizerOpts;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{namespace_url, ns, parse_document, parse_fragment, LocalName, ParseOpts, QualName};
use markup5ever_rcdom::{Handle, Node, NodeData, RcDom};
use std::os::raw::{c_char, c_int, c_void};
use std::{ptr, slice};

/// Parses UTF-8. context: null for a document, else the name of an element of that namespace.
///
/// # Safety
/// Strings have their sizes.
#[no_mangle]
pub unsafe extern "C" fn oracle_parse(
    bytes: *const c_char,
    size: usize,
    context: *const c_char,
    context_size: usize,
    space: c_int,
    scripting: c_int,
) -> *mut c_void {
    let input = String::from_utf8_lossy(slice::from_raw_parts(bytes as *const u8, size));
    let options = ParseOpts {
        tokenizer: TokenizerOpts { discard_bom: false, ..Default::default() },
        tree_builder: TreeBuilderOpts { scripting_enabled: scripting != 0, ..Default::default() },
    };
    let input = StrTendril::from(&*input);
    let dom = if context.is_null() {
        parse_document(RcDom::default(), options).one(input)
    } else {
        let name = slice::from_raw_parts(context as *const u8, context_size);
        let space = match space {
            2 => ns!(svg),
            3 => ns!(mathml),
            _ => ns!(html),
        };
        let name = QualName::new(None, space, LocalName::from(String::from_utf8_lossy(name)));
        parse_fragment(RcDom::default(), options, name, vec![]).one(input)
    };
    Box::into_raw(Box::new(dom)) as *mut c_void
}

/// # Safety
/// `dom` came from `oracle_parse()`.
#[no_mangle]
pub unsafe extern "C" fn oracle_free(dom: *mut c_void) {
    drop(Box::from_raw(dom as *mut RcDom));
}

/// The tree as the html5lib tests write it; to be ended by `oracle_tree_free()`.
///
/// # Safety
/// `dom` came from `oracle_parse()`.
#[no_mangle]
pub unsafe extern "C" fn oracle_tree(
    dom: *mut c_void,
    is_fragment: c_int,
    size: *mut usize,
) -> *mut c_char {
    let document = (*(dom as *mut RcDom)).document.clone();
    let top = if is_fragment != 0 { document.children.borrow()[0].clone() } else { document };
    let mut out = Vec::new();
    for child in top.children.borrow().iter() {
        write(&mut out, 0, child);
    }
    *size = out.len();
    Box::into_raw(out.into_boxed_slice()) as *mut c_char
}

/// # Safety
/// From `oracle_tree()`, with its size.
#[no_mangle]
pub unsafe extern "C" fn oracle_tree_free(tree: *mut c_char, size: usize) {
    drop(Box::from_raw(ptr::slice_from_raw_parts_mut(tree as *mut u8, size)));
}

/// How many nodes there are, by walking over all of them.
///
/// # Safety
/// `dom` came from `oracle_parse()`.
#[no_mangle]
pub unsafe extern "C" fn oracle_walk(dom: *mut c_void) -> u64 {
    let dom = &*(dom as *mut RcDom);
    let mut stack: Vec<*const Node> = vec![&*dom.document];
    let mut count = 0;
    while let Some(node) = stack.pop() {
        count += 1;
        stack.extend((*node).children.borrow().iter().rev().map(|child| &**child as *const Node));
    }
    count
}

fn line(out: &mut Vec<u8>, depth: usize, text: &str) {
    out.extend_from_slice(b"| ");
    out.resize(out.len() + 2 * depth, b' ');
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

fn write(out: &mut Vec<u8>, depth: usize, node: &Handle) {
    let mut contents = None;
    match &node.data {
        NodeData::Document => (),
        NodeData::Doctype { name, public_id, system_id } => line(
            out,
            depth,
            &if public_id.is_empty() && system_id.is_empty() {
                format!("<!DOCTYPE {}>", name)
            } else {
                format!("<!DOCTYPE {} \"{}\" \"{}\">", name, public_id, system_id)
            },
        ),
        NodeData::Text { contents } => line(out, depth, &format!("\"{}\"", contents.borrow())),
        NodeData::Comment { contents } => line(out, depth, &format!("<!-- {} -->", contents)),
        NodeData::ProcessingInstruction { target, contents } => {
            line(out, depth, &format!("<?{} {}?>", target, contents))
        }
        NodeData::Element { name, attrs, template_contents, .. } => {
            let space = match name.ns {
                ns!(svg) => "svg ",
                ns!(mathml) => "math ",
                _ => "",
            };
            line(out, depth, &format!("<{}{}>", space, name.local));
            let mut attributes: Vec<_> = attrs.borrow().iter().map(|attr| {
                let space = match attr.name.ns {
                    ns!(xlink) => "xlink ",
                    ns!(xml) => "xml ",
                    ns!(xmlns) => "xmlns ",
                    _ => "",
                };
                (format!("{}{}", space, attr.name.local), attr.value.to_string())
            }).collect();
            attributes.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            for (name, value) in attributes {
                line(out, depth + 1, &format!("{}=\"{}\"", name, value));
            }
            contents = template_contents.borrow().clone();
        }
    }
    if let Some(contents) = contents {
        line(out, depth + 1, "content");
        for child in contents.children.borrow().iter() {
            write(out, depth + 2, child);
        }
    }
    for child in node.children.borrow().iter() {
        write(out, depth + 1, child);
    }
}
