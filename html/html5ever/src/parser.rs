//! Bytes in: decoding, and html5ever between it and the sink.
//!
//! Where tags and errors lie follows from how html5ever is fed: it works on a token as soon as the token's last
//! character is there, so what was fed last tells where that is. With positions, pieces end before and behind each
//! "<", and behind each ">"; with errors, they are single characters; else they are what the caller feeds.

use crate::encoding::{sniff, PRESCAN};
use crate::sink::{CurrentTag, Handle, Positions, Sink};
use encoding_rs::{CoderResult, Decoder, Encoding};
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::{fmt, ByteTendril, StrTendril};
use html5ever::tokenizer::{
    Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts, TokenizerResult,
};
use html5ever::tree_builder::{create_element, QuirksMode, TreeBuilder, TreeBuilderOpts, TreeSink};
use html5ever::{namespace_url, ns, Attribute, LocalName, QualName};

/// How bytes are parsed; the default is a document, by a browser without scripts.
#[derive(Default)]
pub struct Options {
    /// noscript is parsed as by a browser that runs scripts.
    pub scripting: bool,
    /// The encoding that came with the bytes.
    pub label: Option<&'static Encoding>,
    /// The element whose inner HTML is parsed, and its attributes.
    pub context: Option<(QualName, Vec<Attribute>)>,
    /// It lies in a form.
    pub form: bool,
    /// Its document is in quirks mode.
    pub quirks: bool,
    /// Keep where elements lie.
    pub positions: bool,
    /// Errors are wanted, with their offsets.
    pub errors: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Pieces {
    AsFed,
    Tags,
    Characters,
}

/// What is decoded at once.
const STEP: usize = 64 << 10;
/// What html5ever's strings can hold; a token may be as long as the input.
const INPUT_MAX: u64 = u32::MAX as u64 - (1 << 20);

/// A parser of bytes that come in pieces.
pub struct Parser {
    tokenizer: Tokenizer<Tracker>,
    input: BufferQueue,
    decoder: Option<Decoder>, // None: the encoding is not known yet
    label: Option<&'static Encoding>,
    held: Vec<u8>, // until it is
    pieces: Pieces,
    fragment: bool,
    offset: u64,
    less: Option<u64>, // where a "<" was that may begin a tag
}

/// More input than a parser can take.
#[derive(Debug)]
pub struct TooLong;

impl Parser {
    pub fn new(mut sink: Sink, options: Options) -> Parser {
        if options.positions {
            sink.positions = Some(Positions { open: Vec::new(), tag: None, before: 0 });
        }
        let builder_options = TreeBuilderOpts {
            scripting_enabled: options.scripting,
            exact_errors: options.errors,
            quirks_mode: if options.quirks { QuirksMode::Quirks } else { QuirksMode::NoQuirks },
            ..Default::default()
        };
        let mut tokenizer_options = TokenizerOpts {
            exact_errors: options.errors,
            discard_bom: false, // the decoder does
            ..Default::default()
        };
        let fragment = options.context.is_some();
        let builder = match options.context {
            None => TreeBuilder::new(sink, builder_options),
            Some((name, attributes)) => {
                let context = create_element(&mut sink, name, attributes);
                let form = QualName::new(None, ns!(html), LocalName::from("form"));
                let form = options.form.then(|| create_element(&mut sink, form, Vec::new()));
                let builder = TreeBuilder::new_for_fragment(sink, context, form, builder_options);
                tokenizer_options.initial_state = Some(builder.tokenizer_state_for_context_elem());
                builder
            }
        };
        Parser {
            tokenizer: Tokenizer::new(Tracker { builder, seen: Seen::Nothing }, tokenizer_options),
            input: BufferQueue::new(),
            decoder: None,
            label: options.label,
            held: Vec::new(),
            pieces: match (options.errors, options.positions) {
                (true, _) => Pieces::Characters,
                (_, true) => Pieces::Tags,
                _ => Pieces::AsFed,
            },
            fragment,
            offset: 0,
            less: None,
        }
    }

    /// Takes some more of the input.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.decoder.is_some() {
            return self.decode(bytes, false);
        }
        let missing = PRESCAN.saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        if self.held.len() < PRESCAN {
            return Ok(());
        }
        self.begin()?;
        self.decode(&bytes[missing..], false)
    }

    /// Ends the input, and gives the tree.
    pub fn end(mut self) -> Result<Sink, TooLong> {
        if self.decoder.is_none() {
            self.begin()?;
        }
        self.decode(&[], true)?;
        if self.pieces != Pieces::AsFed {
            self.tokenizer.sink.builder.sink.offset = Some(self.offset);
        }
        self.tokenizer.end();
        let mut sink = self.tokenizer.sink.builder.sink.finish();
        if self.fragment {
            sink.unwrap_fragment();
        }
        Ok(sink)
    }

    fn begin(&mut self) -> Result<(), TooLong> {
        let held = std::mem::take(&mut self.held);
        let (encoding, mark) = sniff(&held, self.label);
        if mark && encoding == encoding_rs::UTF_8 {
            self.offset = 3;
        }
        self.decoder = Some(encoding.new_decoder_with_bom_removal());
        self.decode(&held, false)
    }

    fn decode(&mut self, bytes: &[u8], last: bool) -> Result<(), TooLong> {
        if bytes.is_empty() && !last {
            return Ok(()); // encoding_rs may forget the first half of a character
        }
        let mut at = 0;
        loop {
            let end = bytes.len().min(at + STEP);
            let decoder = self.decoder.as_mut().expect("feed() or end() made it");
            let mut text = ByteTendril::new();
            // Any encoding's character becomes three bytes at most; the room is for what the decoder kept, too.
            let room = ((end - at) + (end - at) / 2 + 64) as u32;
            unsafe { text.push_uninitialized(room) };
            let final_piece = last && end == bytes.len();
            let (result, read, written, _) =
                decoder.decode_to_utf8(&bytes[at..end], &mut text, final_piece);
            text.pop_back(room - written as u32);
            at += read;
            if self.offset + written as u64 > INPUT_MAX {
                return Err(TooLong);
            }
            // The decoder writes UTF-8 only.
            self.parse(unsafe { text.reinterpret_without_validating::<fmt::UTF8>() });
            if at == bytes.len() && result == CoderResult::InputEmpty {
                return Ok(());
            }
        }
    }

    fn parse(&mut self, text: StrTendril) {
        match self.pieces {
            Pieces::AsFed => {
                self.offset += text.len() as u64;
                self.push(text);
            }
            Pieces::Tags => self.in_pieces(text, |rest| match rest.as_bytes()[0] {
                b'<' => 1,
                _ => rest.bytes().position(|b| b == b'<' || b == b'>').map_or(rest.len(), |at| {
                    at + usize::from(rest.as_bytes()[at] == b'>')
                }),
            }),
            Pieces::Characters => {
                self.in_pieces(text, |rest| rest.chars().next().map_or(0, char::len_utf8))
            }
        }
    }

    fn in_pieces<F: Fn(&str) -> usize>(&mut self, text: StrTendril, length: F) {
        let mut at = 0;
        while at < text.len() {
            let size = length(&text[at..]);
            let piece = text.subtendril(at as u32, size as u32);
            let less = (&*piece == "<").then(|| self.offset);
            let tracker = &mut self.tokenizer.sink;
            tracker.builder.sink.offset = Some(self.offset);
            self.offset += size as u64;
            tracker.begin(self.less, self.offset);
            self.push(piece);
            // What came while "<" was read lies before it.
            let seen = std::mem::replace(&mut self.tokenizer.sink.seen, Seen::Nothing);
            if seen == Seen::Something {
                self.less = None;
            }
            self.less = self.less.or(less);
            at += size;
        }
    }

    fn push(&mut self, text: StrTendril) {
        self.input.push_back(text);
        // A script's end; nobody runs it.
        while let TokenizerResult::Script(_) = self.tokenizer.feed(&mut self.input) {}
    }
}

#[derive(PartialEq)]
enum Seen {
    Nothing,
    Something,
    /// Positions of a tag that comes now.
    Within(Option<u64>, u64),
}

/// Between tokenizer and tree builder: notes which element a tag made or ended.
struct Tracker {
    builder: TreeBuilder<Handle, Sink>,
    seen: Seen,
}

impl Tracker {
    fn begin(&mut self, less: Option<u64>, end: u64) {
        self.seen = Seen::Within(less, end);
    }

    fn track(&mut self, token: Token, line: u64, begin: u64, end: u64) -> TokenSinkResult<Handle> {
        if let (Token::TagToken(Tag { kind, name, .. }), Some(positions)) =
            (&token, &mut self.builder.sink.positions)
        {
            positions.tag = Some(CurrentTag {
                name: name.clone(),
                begin,
                end,
                is_end: *kind == TagKind::EndTag,
                made: None,
            });
            positions.before = positions.open.len();
        }
        let result = self.builder.process_token(token, line);
        self.settle();
        result
    }

    /// Elements that are open no more leave the list; of those that a tag ended, the innermost of its name has its
    /// end there. (Others that were not open any more may have stood below an open one until now.)
    fn settle(&mut self) {
        // This asks for the name of the current node, and so tells which it is.
        self.builder.sink.asked.set(0);
        self.builder.adjusted_current_node_present_but_not_in_html_namespace();
        let current = self.builder.sink.asked.get();
        let sink = &mut self.builder.sink;
        let Positions { mut open, tag, before } = sink.positions.take().expect("track() is called with it");
        let mut ended = None;
        if let Some(at) = open.iter().rposition(|handle| handle.is(current)) {
            if let Some(tag) = tag.as_ref().filter(|tag| tag.is_end) {
                let closed = at + 1..before.max(at + 1).min(open.len());
                ended = closed.rev().map(|i| open[i]).find(|&handle| sink.is_named(handle, &tag.name));
            }
            open.truncate(at + 1);
        }
        if let Some(tag) = &tag {
            // These stay open until the input ends.
            if tag.is_end && (&*tag.name == "body" || &*tag.name == "html") {
                ended = open.iter().copied().find(|&handle| sink.is_named(handle, &tag.name));
            }
            if let Some(element) = tag.made {
                sink.start_tag(element, tag.begin, tag.end);
            } else if let Some(element) = ended {
                sink.end_tag(element, tag.end);
            }
        }
        sink.positions = Some(Positions { open, tag: None, before: 0 });
    }
}

impl TokenSink for Tracker {
    type Handle = Handle;

    fn process_token(&mut self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        if matches!(token, Token::ParseError(_)) {
            return self.builder.process_token(token, line);
        }
        let seen = std::mem::replace(&mut self.seen, Seen::Something);
        if self.builder.sink.positions.is_none() {
            return self.builder.process_token(token, line);
        }
        match seen {
            Seen::Within(less, end) => self.track(token, line, less.unwrap_or(end), end),
            _ => self.track(token, line, 0, 0),
        }
    }

    fn end(&mut self) {
        self.builder.sink.positions = None;
        self.builder.end()
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}
