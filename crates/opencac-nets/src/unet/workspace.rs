//! Memory for activations, reused from layer to layer and, if the caller keeps it, from input to input.

use std::ops::{Deref, DerefMut};

/// Memory that is free at the moment. Fresh memory costs the operating system a page fault every 4 KiB,
/// which for a small network takes as long as its arithmetic.
#[derive(Debug, Default)]
pub struct Workspace {
    free: Vec<Vec<f32>>,
}

/// Some floats of a workspace.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<f32>,
    len: usize,
}

impl Workspace {
    /// A buffer of `len` floats, whose contents are to be overwritten.
    pub(super) fn take(&mut self, len: usize) -> Buffer {
        let fitting = (0..self.free.len()).filter(|&i| self.free[i].len() >= len);
        let memory = match fitting.min_by_key(|&i| self.free[i].len()) {
            Some(index) => self.free.swap_remove(index),
            None => vec![0.0; len],
        };
        Buffer { memory, len }
    }

    /// Gives a buffer back.
    pub(super) fn put(&mut self, buffer: Buffer) {
        self.free.push(buffer.memory);
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}
