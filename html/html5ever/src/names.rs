//! Numbers of qualified names: what a name is to the C library is asked once, then found by the atoms' words.

use html5ever::{namespace_url, ns, LocalName, Namespace, Prefix};

/// A name that was met, kept so that its atoms' words are not used for another.
pub struct Name {
    pub space: Namespace,
    pub local: LocalName,
    prefix: Option<Prefix>,
    /// of `copse_sink_name()`
    pub number: u32,
}

pub struct Names {
    list: Vec<Name>,
    /// Open addressing; an index of `list` and 1. A power of two, at most half full.
    slots: Vec<u32>,
}

/// `enum copse_namespace`
pub fn space_number(space: &Namespace) -> i32 {
    match *space {
        ns!(html) => 1,
        ns!(svg) => 2,
        ns!(mathml) => 3,
        ns!(xlink) => 4,
        ns!(xml) => 5,
        ns!(xmlns) => 6,
        _ => 0,
    }
}

impl Names {
    pub fn new() -> Names {
        Names { list: Vec::with_capacity(128), slots: vec![0; 512] }
    }

    /// The index of a name; `number` is called when it is met for the first time.
    #[inline]
    pub fn index<F>(
        &mut self,
        prefix: &Option<Prefix>,
        space: &Namespace,
        local: &LocalName,
        number: F,
    ) -> u32
    where
        F: FnOnce() -> u32,
    {
        let mask = self.slots.len() - 1;
        let mut at = hash(space, local) as usize & mask;
        while self.slots[at] != 0 {
            let name = &self.list[self.slots[at] as usize - 1];
            if name.local == *local && name.space == *space && name.prefix == *prefix {
                return self.slots[at] - 1;
            }
            at = (at + 1) & mask;
        }
        self.add(prefix, space, local, number())
    }

    #[inline]
    pub fn get(&self, index: u32) -> &Name {
        &self.list[index as usize]
    }

    #[cold]
    fn add(
        &mut self,
        prefix: &Option<Prefix>,
        space: &Namespace,
        local: &LocalName,
        number: u32,
    ) -> u32 {
        self.list.push(Name {
            space: space.clone(),
            local: local.clone(),
            prefix: prefix.clone(),
            number,
        });
        if self.list.len() * 2 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 4];
            for index in 0..self.list.len() {
                self.enter(index);
            }
        } else {
            self.enter(self.list.len() - 1);
        }
        self.list.len() as u32 - 1
    }

    fn enter(&mut self, index: usize) {
        let mask = self.slots.len() - 1;
        let name = &self.list[index];
        let mut at = hash(&name.space, &name.local) as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = index as u32 + 1;
    }
}

/// An atom is one word: the number of a well-known string, the string itself, or where it lies.
#[inline]
fn hash(space: &Namespace, local: &LocalName) -> u64 {
    let word = local.unsafe_data() ^ (space.unsafe_data() >> 32).rotate_right(8);
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}
