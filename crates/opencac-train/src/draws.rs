//! Batches drawn ahead of the step that needs them, in an order that no thread can change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use opencac_nets::trainer::Batch;

use crate::sample::SampleSource;

/// Batches that each thread may have ready before it waits.
const AHEAD: usize = 2;

/// Gives the batches of a run one after the other.
pub struct Draws {
    next: u64,
    early: BTreeMap<u64, Batch>,
    incoming: Receiver<(u64, Batch)>,
}

impl Draws {
    /// Draws batches `range` of `samples` each on so many threads. Batch `b` holds the samples from `b * samples` on,
    /// whoever draws them and whenever. The threads end with the range, with the source, or when the draws are dropped.
    pub fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        source: &'scope dyn SampleSource,
        range: std::ops::Range<u64>,
        samples: usize,
        threads: usize,
    ) -> Self {
        let (send, incoming) = sync_channel(AHEAD * threads.max(1));
        let todo = std::sync::Arc::new(AtomicU64::new(range.start));
        for _ in 0..threads.max(1) {
            let (send, todo) = (send.clone(), std::sync::Arc::clone(&todo));
            scope.spawn(move || {
                loop {
                    let number = todo.fetch_add(1, Ordering::Relaxed);
                    if number >= range.end {
                        return;
                    }
                    let Some(batch) = draw(source, number, samples) else { return };
                    if send.send((number, batch)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { next: range.start, early: BTreeMap::new(), incoming }
    }
}

impl Iterator for Draws {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        while !self.early.contains_key(&self.next) {
            let (number, batch) = self.incoming.recv().ok()?;
            self.early.insert(number, batch);
        }
        self.next += 1;
        self.early.remove(&(self.next - 1))
    }
}

fn draw(source: &dyn SampleSource, number: u64, samples: usize) -> Option<Batch> {
    let [nx, ny, nz] = source.size();
    let (mut input, mut target, mut weight) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..samples as u64 {
        let drawn = source.draw(number * samples as u64 + sample)?;
        input.extend(drawn.input);
        target.extend(drawn.target);
        weight.extend(drawn.weight);
    }
    let channels = input.len() / (target.len().max(1));
    Some(Batch { shape: [samples, channels, nz, ny, nx], input, target, weight })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Drawn;

    struct Numbers;

    impl SampleSource for Numbers {
        fn size(&self) -> [usize; 3] {
            [1, 1, 1]
        }

        fn draw(&self, index: u64) -> Option<Drawn> {
            // The first of four takes long, so that others overtake it.
            std::thread::sleep(std::time::Duration::from_millis(if index.is_multiple_of(4) { 8 } else { 1 }));
            (index < 1_000_000).then(|| Drawn {
                input: vec![index as f32],
                target: vec![0],
                weight: vec![1.0],
            })
        }
    }

    #[test]
    fn order_does_not_depend_on_threads() {
        for threads in [1, 3, 8] {
            let found: Vec<_> = std::thread::scope(|scope| {
                Draws::begin(scope, &Numbers, 5..15, 2, threads).flat_map(|b| b.input).collect()
            });
            assert_eq!(found, (10..30).map(|i| i as f32).collect::<Vec<_>>(), "{threads} threads");
        }
    }

    #[test]
    fn what_the_source_does_not_have_is_not_drawn() {
        let drawn = std::thread::scope(|scope| {
            Draws::begin(scope, &Numbers, 499_998..600_000, 2, 3).map(|b| b.input[1]).collect::<Vec<_>>()
        });
        assert_eq!(drawn, [999_997.0, 999_999.0]);
    }

    #[test]
    fn dropped_draws_end_their_threads() {
        std::thread::scope(|scope| drop(Draws::begin(scope, &Numbers, 0..1_000_000, 1, 2)));
    }
}
