//! Which encoding bytes have, as the HTML standard's "determining the character encoding" finds it out.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252, X_USER_DEFINED};

/// How many bytes at the beginning are looked at.
pub const PRESCAN: usize = 1024;

/// An encoding, and whether a byte order mark said so.
///
/// `label` came with the bytes, as HTTP's charset; a byte order mark is stronger, what the document says itself
/// weaker. Of `bytes` the first `PRESCAN` are enough.
pub fn sniff(bytes: &[u8], label: Option<&'static Encoding>) -> (&'static Encoding, bool) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding, true);
    }
    let found = label.or_else(|| prescan(&bytes[..bytes.len().min(PRESCAN)]));
    (found.unwrap_or(WINDOWS_1252), false)
}

/// "Prescan a byte stream to determine its encoding".
fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.starts_with(b"<\0?\0x\0") {
        return Some(encoding_rs::UTF_16LE);
    }
    if bytes.starts_with(b"\0<\0?\0x") {
        return Some(encoding_rs::UTF_16BE);
    }
    let mut scan = Scan { bytes, at: 0 };
    scan.tags().or_else(|| xml_declaration(bytes))
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// None when there is no such byte.
    fn skip_until<F: Fn(u8) -> bool>(&mut self, stop: F) -> Option<u8> {
        let found = self.bytes[self.at.min(self.bytes.len())..].iter().position(|&b| stop(b))?;
        self.at += found;
        self.peek()
    }

    fn tags(&mut self) -> Option<&'static Encoding> {
        loop {
            self.skip_until(|b| b == b'<')?;
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"<!--") {
                let end = rest[2..].windows(3).position(|w| w == b"-->")?;
                self.at += 2 + end + 3;
            } else if rest.len() > 5
                && rest[1..5].eq_ignore_ascii_case(b"meta")
                && (is_space(rest[5]) || rest[5] == b'/')
            {
                self.at += 5;
                if let Some(encoding) = self.meta()? {
                    return Some(encoding);
                }
            } else if is_tag(rest) {
                self.skip_until(|b| is_space(b) || b == b'>')?;
                while self.attribute()?.is_some() {}
            } else if matches!(rest.get(1), Some(b'!' | b'/' | b'?')) {
                self.skip_until(|b| b == b'>')?;
                self.at += 1;
            } else {
                self.at += 1;
            }
        }
    }

    /// None: the bytes end. Some(None): it says nothing.
    fn meta(&mut self) -> Option<Option<&'static Encoding>> {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let (mut got_pragma, mut need_pragma, mut charset) = (false, None, None);
        while let Some((name, value)) = self.attribute()? {
            if seen.contains(&name) {
                continue;
            }
            match &name[..] {
                b"http-equiv" => got_pragma = got_pragma || value == b"content-type",
                b"content" => {
                    let found = from_content(&value);
                    if need_pragma.is_none() && found.is_some() {
                        charset = found;
                        need_pragma = Some(true);
                    }
                }
                b"charset" => {
                    charset = Encoding::for_label(&value);
                    need_pragma = Some(false);
                }
                _ => (),
            }
            seen.push(name);
        }
        Some(match need_pragma {
            None => None,
            Some(true) if !got_pragma => None,
            _ => charset.map(as_declared),
        })
    }

    /// "Get an attribute": None: the bytes end. Some(None): the tag ends.
    #[allow(clippy::type_complexity)]
    fn attribute(&mut self) -> Option<Option<(Vec<u8>, Vec<u8>)>> {
        self.skip_until(|b| !is_space(b) && b != b'/')?;
        if self.peek()? == b'>' {
            self.at += 1;
            return Some(None);
        }
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            let byte = self.peek()?;
            if byte == b'=' && !name.is_empty() {
                break;
            }
            if is_space(byte) {
                if self.skip_until(|b| !is_space(b))? != b'=' {
                    return Some(Some((name, value)));
                }
                break;
            }
            if byte == b'/' || byte == b'>' {
                return Some(Some((name, value)));
            }
            name.push(byte.to_ascii_lowercase());
            self.at += 1;
        }
        self.at += 1;
        let quote = self.skip_until(|b| !is_space(b))?;
        if quote == b'"' || quote == b'\'' {
            loop {
                self.at += 1;
                let byte = self.peek()?;
                if byte == quote {
                    self.at += 1;
                    return Some(Some((name, value)));
                }
                value.push(byte.to_ascii_lowercase());
            }
        }
        loop {
            let byte = self.peek()?;
            if is_space(byte) || byte == b'>' {
                return Some(Some((name, value)));
            }
            value.push(byte.to_ascii_lowercase());
            self.at += 1;
        }
    }
}

fn is_tag(rest: &[u8]) -> bool {
    let letter = |at: usize| rest.get(at).map_or(false, |b| b.is_ascii_alphabetic());
    letter(1) || rest.get(1) == Some(&b'/') && letter(2)
}

/// What a document says of itself in ASCII can't be UTF-16.
fn as_declared(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    }
}

/// "Extracting a character encoding from a meta element".
fn from_content(value: &[u8]) -> Option<&'static Encoding> {
    let mut at = 0;
    loop {
        at += value[at..].windows(7).position(|w| w == b"charset")? + 7;
        while value.get(at).map_or(false, |&b| is_space(b)) {
            at += 1;
        }
        if *value.get(at)? == b'=' {
            break;
        }
    }
    at += 1;
    while value.get(at).map_or(false, |&b| is_space(b)) {
        at += 1;
    }
    let first = *value.get(at)?;
    let label = if first == b'"' || first == b'\'' {
        let rest = &value[at + 1..];
        &rest[..rest.iter().position(|&b| b == first)?]
    } else {
        let rest = &value[at..];
        &rest[..rest.iter().position(|&b| is_space(b) || b == b';').unwrap_or(rest.len())]
    };
    Encoding::for_label(label)
}

/// "Get an XML encoding".
fn xml_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    if !bytes.starts_with(b"<?xml") {
        return None;
    }
    let end = bytes.iter().position(|&b| b == b'>')?;
    let mut at = bytes[..end].windows(8).position(|w| w == b"encoding")? + 8;
    let skip = |mut at: usize| {
        while bytes.get(at).map_or(false, |&b| b <= b' ') {
            at += 1;
        }
        at
    };
    at = skip(at);
    if *bytes.get(at)? != b'=' {
        return None;
    }
    at = skip(at + 1);
    let quote = *bytes.get(at)?;
    if quote != b'"' && quote != b'\'' {
        return None;
    }
    let rest = &bytes[at + 1..];
    let label = &rest[..rest.iter().position(|&b| b == quote)?];
    if label.iter().any(|&b| b <= b' ') {
        return None;
    }
    Encoding::for_label(label).map(as_declared)
}
