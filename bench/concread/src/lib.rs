//! concread's BptreeMap behind C functions, for engine_concread.c.
//!
//! Keys are u128 made from the 16 bytes big-endian, so that they compare in two instructions;
//! values are arrays of 64 or 8 bytes. The map lives on the heap of one process: readers and
//! writers are its threads.

use concread::bptree::{BptreeMap, BptreeMapReadTxn, BptreeMapWriteTxn};
use std::os::raw::c_void;

type Map<const N: usize> = BptreeMap<u128, [u8; N]>;

/// struct checksum of common.h
#[repr(C)]
pub struct Checksum {
    count: u64,
    sum: u64,
    last_key: u64,
    check_order: bool,
    disordered: bool,
}

trait Store {
    fn reader(&'static self) -> Box<dyn Reader>;
    fn writer(&'static self) -> Box<dyn Writer>;
}

trait Reader {
    fn begin(&mut self);
    fn end(&mut self);
    fn get<'a>(&'a self, key: &'a u128) -> Option<&'a [u8]>;
    fn scan(&self, sum: &mut Checksum);
}

trait Writer {
    fn begin(&mut self);
    fn put(&mut self, key: u128, value: &[u8]);
    fn commit(&mut self);
}

struct ReaderOf<const N: usize> {
    map: &'static Map<N>,
    view: Option<BptreeMapReadTxn<'static, u128, [u8; N]>>,
}

struct WriterOf<const N: usize> {
    map: &'static Map<N>,
    txn: Option<BptreeMapWriteTxn<'static, u128, [u8; N]>>,
}

impl<const N: usize> Store for Map<N> {
    fn reader(&'static self) -> Box<dyn Reader> {
        Box::new(ReaderOf { map: self, view: None })
    }
    fn writer(&'static self) -> Box<dyn Writer> {
        Box::new(WriterOf { map: self, txn: None })
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl<const N: usize> Reader for ReaderOf<N> {
    fn begin(&mut self) {
        self.view = Some(self.map.read());
    }
    fn end(&mut self) {
        self.view = None;
    }
    fn get<'a>(&'a self, key: &'a u128) -> Option<&'a [u8]> {
        self.view.as_ref().unwrap().get(key).map(|value| &value[..])
    }
    fn scan(&self, sum: &mut Checksum) {
        for (key, value) in self.view.as_ref().unwrap().iter() {
            let bytes = key.to_be_bytes();
            let mut words = word(&bytes, 0).wrapping_add(word(&bytes, 8));
            for k in 0..N / 8 {
                words = words.wrapping_add(word(value, 8 * k));
            }
            sum.count += 1;
            sum.sum = sum.sum.wrapping_add(words);
            if sum.check_order {
                let first = (key >> 64) as u64;
                sum.disordered |= sum.count > 1 && first < sum.last_key;
                sum.last_key = first;
            }
        }
    }
}

impl<const N: usize> Writer for WriterOf<N> {
    fn begin(&mut self) {
        self.txn = Some(self.map.write());
    }
    fn put(&mut self, key: u128, value: &[u8]) {
        self.txn.as_mut().unwrap().insert(key, value.try_into().unwrap());
    }
    fn commit(&mut self) {
        self.txn.take().unwrap().commit();
    }
}

/// A store as C knows it: a pointer that this library made and will free.
pub struct Handle(*mut dyn Store);

fn handle<const N: usize>() -> *mut Handle {
    Box::into_raw(Box::new(Handle(Box::into_raw(Box::new(Map::<N>::new())))))
}

/// Null if values of that size are not compiled in.
#[no_mangle]
pub extern "C" fn bench_concread_open(value_size: usize) -> *mut Handle {
    match value_size {
        64 => handle::<64>(),
        8 => handle::<8>(),
        _ => std::ptr::null_mut(),
    }
}

/// # Safety
/// All of a store's readers and writers are closed before it.
#[no_mangle]
pub unsafe extern "C" fn bench_concread_close(db: *mut Handle) {
    drop(Box::from_raw(Box::from_raw(db).0));
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_reader(db: *mut Handle) -> *mut c_void {
    Box::into_raw(Box::new((*(*db).0).reader())) as *mut c_void
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_reader_close(reader: *mut c_void) {
    drop(Box::from_raw(reader as *mut Box<dyn Reader>));
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_begin(reader: *mut c_void) {
    (*(reader as *mut Box<dyn Reader>)).begin();
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_end(reader: *mut c_void) {
    (*(reader as *mut Box<dyn Reader>)).end();
}

/// The value's memory, lent until the view ends; null if there is no such key.
#[no_mangle]
pub unsafe extern "C" fn bench_concread_get(reader: *mut c_void, key: *const [u8; 16]) -> *const u8 {
    let reader = &*(reader as *mut Box<dyn Reader>);
    let key = u128::from_be_bytes(*key);
    match reader.get(&key) {
        Some(value) => value.as_ptr(),
        None => std::ptr::null(),
    }
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_scan(reader: *mut c_void, sum: *mut Checksum) {
    (*(reader as *mut Box<dyn Reader>)).scan(&mut *sum);
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_writer(db: *mut Handle) -> *mut c_void {
    Box::into_raw(Box::new((*(*db).0).writer())) as *mut c_void
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_writer_close(writer: *mut c_void) {
    drop(Box::from_raw(writer as *mut Box<dyn Writer>));
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_txn_begin(writer: *mut c_void) {
    (*(writer as *mut Box<dyn Writer>)).begin();
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_put(
    writer: *mut c_void,
    key: *const [u8; 16],
    value: *const u8,
    value_size: usize,
) {
    let value = std::slice::from_raw_parts(value, value_size);
    (*(writer as *mut Box<dyn Writer>)).put(u128::from_be_bytes(*key), value);
}

#[no_mangle]
pub unsafe extern "C" fn bench_concread_txn_commit(writer: *mut c_void) {
    (*(writer as *mut Box<dyn Writer>)).commit();
}
