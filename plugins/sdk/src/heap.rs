//! The heap of a plugin: lists of free blocks by size. Taking a block and giving it back is a few instructions each, which
//! matters where every event is a dozen small strings that live for one call.
//!
//! Blocks are of one of some hundred sizes, up to a quarter larger than asked for. A block that is given back waits for the
//! next of its size; it is never split or joined, so a plugin takes what it needed most of each size at a time. The
//! last block of the heap grows in place.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// All blocks are aligned to this, and are multiples of it.
const UNIT: usize = 16;
/// Up to here there is a size for every multiple of [`UNIT`]; beyond, four for every power of two.
const SMALL: usize = 256;
const SMALL_SIZES: usize = SMALL / UNIT;
const SIZES: usize = SMALL_SIZES + 4 * (usize::BITS as usize - SMALL.trailing_zeros() as usize);

/// Where new blocks come from.
pub trait Source {
    /// At least so many bytes more, aligned to [`UNIT`]; where, and how many.
    fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)>;
}

/// An allocator for one thread.
pub struct Heap<S>(UnsafeCell<Blocks<S>>);

// SAFETY: a module for wasm32-unknown-unknown has one thread.
unsafe impl<S> Sync for Heap<S> {}

struct Blocks<S> {
    /// The first free block of each size; a free block begins with the address of the next.
    free: [*mut u8; SIZES],
    /// What has not been handed out yet.
    next: *mut u8,
    left: usize,
    source: S,
}

impl<S> Heap<S> {
    /// An empty heap.
    pub const fn new(source: S) -> Self {
        Heap(UnsafeCell::new(Blocks {
            free: [null_mut(); SIZES],
            next: null_mut(),
            left: 0,
            source,
        }))
    }
}

/// Which size a block of so many bytes has: its place in the table, and its bytes.
#[inline]
fn size(bytes: usize) -> Option<(usize, usize)> {
    if bytes <= SMALL {
        let units = bytes.max(1).div_ceil(UNIT);
        return Some((units - 1, units * UNIT));
    }
    let last = bytes - 1;
    let power = last.ilog2();
    let step = power - 2;
    let quarter = last >> step;
    let place = SMALL_SIZES + 4 * (power - SMALL.trailing_zeros()) as usize + quarter - 4;
    Some((place, (quarter + 1).checked_shl(step).filter(|size| *size >= bytes)?))
}

impl<S: Source> Blocks<S> {
    #[inline]
    fn take(&mut self, bytes: usize) -> *mut u8 {
        let Some((place, size)) = size(bytes) else {
            return null_mut();
        };
        let Some(free) = self.free.get_mut(place) else {
            return null_mut();
        };
        let block = *free;
        if block.is_null() {
            return self.cut(size);
        }
        // SAFETY: a block in the list is not in use, and its first word was written when it came there.
        *free = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    #[inline]
    fn give(&mut self, block: *mut u8, bytes: usize) {
        let Some(free) = size(bytes).and_then(|(place, _)| self.free.get_mut(place)) else {
            return;
        };
        // SAFETY: the block was handed out by `take` with this size, is as large as a word and aligned for one.
        unsafe { block.cast::<*mut u8>().write(*free) };
        *free = block;
    }

    /// Cuts a new block.
    #[cold]
    fn cut(&mut self, size: usize) -> *mut u8 {
        if size > self.left && !self.refill(size) {
            return null_mut();
        }
        let block = self.next;
        self.next = block.wrapping_add(size);
        self.left -= size;
        block
    }

    fn refill(&mut self, size: usize) -> bool {
        let Some((start, bytes)) = self.source.more(size - self.left).or_else(|| self.source.more(size)) else {
            return false;
        };
        if start == self.next.wrapping_add(self.left) && !self.next.is_null() {
            self.left += bytes;
        } else {
            // What was left over is too small for this block, and is lost.
            (self.next, self.left) = (start, bytes);
        }
        self.left >= size
    }

    /// Makes the block that was cut last longer where it stands.
    fn extend(&mut self, block: *mut u8, old: usize, new: usize) -> bool {
        let (Some((_, old)), Some((_, new))) = (size(old), size(new)) else {
            return false;
        };
        let Some(more) = new.checked_sub(old) else { return false };
        if block.wrapping_add(old) != self.next {
            return false;
        }
        if more > self.left {
            let Some((start, bytes)) = self.source.more(more - self.left) else {
                return false;
            };
            if start != self.next.wrapping_add(self.left) {
                return false;
            }
            self.left += bytes;
        }
        self.next = self.next.wrapping_add(more);
        self.left -= more;
        true
    }
}

/// How many bytes a block needs so that an address in it is aligned, with room for a word before that address.
fn widened(layout: Layout) -> Option<usize> {
    layout.size().checked_add(layout.align())
}

// SAFETY: a block is in use once, as large as asked for, and aligned: blocks stand at multiples of `UNIT`, and what must be
// aligned further is given an address inside a block that is wide enough.
unsafe impl<S: Source> GlobalAlloc for Heap<S> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and nothing here calls back.
        let blocks = unsafe { &mut *self.0.get() };
        if layout.align() <= UNIT {
            return blocks.take(layout.size());
        }
        let Some(block) = widened(layout)
            .map(|bytes| blocks.take(bytes))
            .filter(|block| !block.is_null())
        else {
            return null_mut();
        };
        // Blocks are multiples of a unit apart, so there is room for a word before the next multiple of the alignment.
        let aligned = block.wrapping_add(layout.align() - block.addr() % layout.align());
        // SAFETY: the word lies in the block, before what is handed out.
        unsafe { aligned.cast::<*mut u8>().sub(1).write(block) };
        aligned
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let blocks = unsafe { &mut *self.0.get() };
        if layout.align() <= UNIT {
            blocks.give(block, layout.size());
        } else if let Some(bytes) = widened(layout) {
            // SAFETY: `alloc` has left the block's own address there.
            blocks.give(unsafe { block.cast::<*mut u8>().sub(1).read() }, bytes);
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        if layout.align() <= UNIT {
            // SAFETY: as above.
            let blocks = unsafe { &mut *self.0.get() };
            if size(layout.size()) == size(new) || blocks.extend(block, layout.size(), new) {
                return block;
            }
        }
        let Ok(wanted) = Layout::from_size_align(new, layout.align()) else {
            return null_mut();
        };
        // SAFETY: both blocks hold the lesser of the two sizes, and are different ones.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                core::ptr::copy_nonoverlapping(block, moved, layout.size().min(new));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod memory {
    use super::{Heap, Source};
    use core::arch::wasm32::memory_grow;

    #[global_allocator]
    static HEAP: Heap<Memory> = Heap::new(Memory);

    const PAGE: usize = 64 << 10;

    /// The module's memory, a few pages at a time.
    struct Memory;

    impl Source for Memory {
        fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)> {
            let least = bytes.div_ceil(PAGE);
            [least.max(4), least].into_iter().find_map(|pages| {
                let before = memory_grow::<0>(pages);
                let start = (before != usize::MAX).then(|| core::ptr::without_provenance_mut(before * PAGE));
                start.map(|start| (start, pages * PAGE))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A memory that ends.
    struct Pages {
        pages: Vec<[u128; 256]>,
        used: usize,
    }

    impl Source for Pages {
        fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)> {
            let pages = bytes.div_ceil(size_of::<[u128; 256]>());
            let start = self.pages.get_mut(self.used..self.used + pages)?.as_mut_ptr();
            self.used += pages;
            Some((start.cast(), pages * size_of::<[u128; 256]>()))
        }
    }

    fn heap(pages: usize) -> Heap<Pages> {
        let pages = vec![[0; 256]; pages];
        Heap::new(Pages { pages, used: 0 })
    }

    #[test]
    fn a_size_holds_what_it_stands_for_and_wastes_at_most_a_quarter() {
        let mut last = 0;
        for bytes in 0..100_000 {
            let (place, size) = size(bytes).unwrap();
            assert!(
                size >= bytes && (size <= SMALL || size <= bytes + bytes / 4),
                "{bytes}: {size}"
            );
            assert!(place == last || place == last + 1, "{bytes}: {place}");
            last = place;
        }
        assert!(size(usize::MAX).is_none());
        assert!(size(usize::MAX / 2).is_some_and(|(place, _)| place < SIZES));
    }

    #[test]
    fn what_is_given_back_is_used_again() {
        let heap = heap(2);
        let layout = Layout::from_size_align(3000, 8).unwrap();
        for _ in 0..1000 {
            // SAFETY: the layout is not empty, and the block is given back with it.
            unsafe {
                let block = heap.alloc(layout);
                assert!(!block.is_null());
                heap.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn the_last_block_grows_where_it_stands() {
        let heap = heap(64);
        // SAFETY: layouts are not empty, and each block is given back with the one it has.
        unsafe {
            let first = heap.alloc(Layout::from_size_align(1000, 1).unwrap());
            let mut bytes = 1000;
            while bytes < 100_000 {
                let layout = Layout::from_size_align(bytes, 1).unwrap();
                assert_eq!(heap.realloc(first, layout, bytes * 2), first);
                bytes *= 2;
            }
        }
    }

    #[test]
    fn memory_that_ends_is_no_address() {
        let heap = heap(2);
        // SAFETY: the layout is not empty.
        let block = unsafe { heap.alloc(Layout::from_size_align(1 << 20, 1).unwrap()) };
        assert!(block.is_null());
    }

    proptest! {
        #[test]
        fn blocks_in_use_never_overlap(steps in prop::collection::vec((0_u8..3, 0_usize..9000, 0_u32..8, any::<prop::sample::Index>()), 1..200)) {
            let heap = heap(4000);
            let mut used: BTreeMap<usize, (*mut u8, Layout, u8)> = BTreeMap::new();
            for (number, (step, bytes, align, which)) in (0_u8..).cycle().zip(steps) {
                let layout = Layout::from_size_align(bytes.max(1), 1 << align).unwrap();
                let chosen = (!used.is_empty()).then(|| *used.keys().nth(which.index(used.len())).unwrap());
                // SAFETY: layouts are not empty; blocks are given back with the one they have; bytes written lie in them.
                unsafe {
                    let (block, layout) = match (step, chosen) {
                        (1, Some(address)) => {
                            let (block, layout, _) = used.remove(&address).unwrap();
                            heap.dealloc(block, layout);
                            continue;
                        }
                        (2, Some(address)) => {
                            let (block, old, mark) = used.remove(&address).unwrap();
                            let new = Layout::from_size_align(bytes.max(1), old.align()).unwrap();
                            let moved = heap.realloc(block, old, new.size());
                            prop_assert!((0..old.size().min(new.size())).all(|at| moved.add(at).read() == mark));
                            (moved, new)
                        }
                        _ => (heap.alloc(layout), layout),
                    };
                    prop_assert!(!block.is_null() && block.addr() % layout.align() == 0);
                    block.write_bytes(number, layout.size());
                    used.insert(block.addr(), (block, layout, number));
                }
                for (block, layout, mark) in used.values() {
                    // SAFETY: the block is in use and as long as its layout.
                    let kept = unsafe { (0..layout.size()).all(|at| block.add(at).read() == *mark) };
                    prop_assert!(kept);
                }
            }
        }
    }
}
