//! Things that are made one after the other, as they come to be wanted, while those made before are in use.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rayon::ThreadPool;

/// So many things, of which some are made already.
#[derive(Debug)]
pub struct Growing<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    things: Vec<Option<Arc<T>>>,
    /// The first that nobody has asked for yet.
    wanted: usize,
    abandoned: bool,
}

impl<T: Send + Sync> Growing<T> {
    /// None of `count` things is made yet.
    pub fn new(count: usize) -> Self {
        let things = (0..count).map(|_| None).collect();
        Self { state: Mutex::new(State { things, wanted: 0, abandoned: false }), changed: Condvar::new() }
    }

    /// How many there will be.
    pub fn len(&self) -> usize {
        self.lock().things.len()
    }

    /// Whether there will be none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that the first so many things may be asked for from now on.
    pub fn want(&self, count: usize) {
        let mut state = self.lock();
        if count > state.wanted {
            state.wanted = count;
            self.changed.notify_all();
        }
    }

    /// The thing of a number, once it is made; nothing where it is not made before all are abandoned, or there is none.
    pub fn get(&self, number: usize) -> Option<Arc<T>> {
        self.want(number + 1);
        let waits =
            |state: &mut State<T>| !state.abandoned && state.things.get(number).is_some_and(Option::is_none);
        let state = self.wait_while(waits);
        if state.abandoned { None } else { state.things.get(number)?.clone() }
    }

    /// Makes them in the order of their numbers, as many at a time as the pool has threads and twice as many ahead of what is
    /// wanted, which leaves the processors to those that use them; until all are made, one cannot be made or they are
    /// abandoned. What fails abandons them.
    ///
    /// # Errors
    /// Why one cannot be made.
    pub fn fill<E: Send>(
        &self,
        pool: &ThreadPool,
        make: impl Fn(usize) -> Result<T, E> + Sync,
    ) -> Result<(), E> {
        let (next, count) = (AtomicUsize::new(0), self.len());
        let ahead = 2 * pool.current_num_threads();
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let early = |state: &mut State<T>| !state.abandoned && number >= state.wanted + ahead;
                if number >= count || self.wait_while(early).abandoned {
                    return Ok(());
                }
                let thing = make(number)?;
                self.lock().things[number] = Some(Arc::new(thing));
                self.changed.notify_all();
            }
        };
        let all = pool.broadcast(|_| {
            // A panic while one is made leaves nobody waiting either.
            let failing = self.until_dropped();
            let made = work();
            if made.is_ok() {
                std::mem::forget(failing);
            }
            made
        });
        all.into_iter().collect()
    }

    /// What abandons them all when it is dropped: nobody waits for any from then on, and no further one is made.
    pub fn until_dropped(&self) -> Abandoning<'_, T> {
        Abandoning(self)
    }

    fn wait_while(&self, condition: impl FnMut(&mut State<T>) -> bool) -> MutexGuard<'_, State<T>> {
        self.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No thread panics between two changes of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Growing::until_dropped`].
#[derive(Debug)]
pub struct Abandoning<'a, T: Send + Sync>(&'a Growing<T>);

impl<T: Send + Sync> Drop for Abandoning<'_, T> {
    fn drop(&mut self) {
        self.0.lock().abandoned = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{scope, sleep};
    use std::time::Duration;

    use rayon::ThreadPoolBuilder;

    use super::*;

    fn pool() -> ThreadPool {
        ThreadPoolBuilder::new().num_threads(3).build().unwrap()
    }

    #[test]
    fn who_wants_one_waits_until_it_is_made() {
        let things = Growing::new(20);
        scope(|scope| {
            let user = scope.spawn(|| (0..20).rev().map(|n| things.get(n).map(|t| *t)).collect::<Vec<_>>());
            let make = |n: usize| {
                sleep(Duration::from_millis(if n.is_multiple_of(3) { 5 } else { 1 }));
                Ok::<_, ()>(n * n)
            };
            things.fill(&pool(), make).unwrap();
            assert_eq!(user.join().unwrap(), (0..20).rev().map(|n| Some(n * n)).collect::<Vec<_>>());
        });
        assert_eq!(things.get(20), None);
    }

    #[test]
    fn what_nobody_wants_yet_is_not_made() {
        let things = Growing::new(1000);
        scope(|scope| {
            let maker = scope.spawn(|| things.fill(&pool(), Ok::<_, ()>));
            let end = things.until_dropped();
            things.want(20);
            // Twice three threads ahead.
            assert_eq!(things.get(25).map(|t| *t), Some(25));
            sleep(Duration::from_millis(20));
            let made = things.lock().things.iter().flatten().count();
            assert!((26..=32).contains(&made), "{made}");
            drop(end);
            maker.join().unwrap().unwrap();
        });
    }

    #[test]
    fn nobody_waits_for_what_cannot_be_made() {
        let fails: [fn(usize) -> Result<usize, String>; 2] = [
            |n| if n == 5 { Err("no fifth".to_owned()) } else { Ok(n) },
            |n| if n == 5 { panic!("no fifth") } else { Ok(n) },
        ];
        for fail in fails {
            // The others take far longer than to tell of a panic.
            let things = Growing::new(1_000_000);
            let fail = |n| {
                sleep(Duration::from_millis(1));
                fail(n)
            };
            scope(|scope| {
                let user = scope.spawn(|| things.get(999_999));
                let filled = std::panic::catch_unwind(|| things.fill(&pool(), fail));
                assert!(filled.is_err() || filled.unwrap() == Err("no fifth".to_owned()));
                assert_eq!(user.join().unwrap(), None);
            });
        }
    }

    #[test]
    fn what_is_abandoned_is_not_made() {
        let things = Growing::new(1_000_000);
        let made = AtomicUsize::new(0);
        scope(|scope| {
            let maker = scope.spawn(|| {
                things.fill(&pool(), |n| {
                    made.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_millis(1));
                    Ok::<_, ()>(n)
                })
            });
            let use_one = || {
                let _end = things.until_dropped();
                things.get(4).map(|t| *t)
            };
            assert_eq!(use_one(), Some(4));
            maker.join().unwrap().unwrap();
        });
        assert!(made.into_inner() <= 11 && things.get(4).is_none());
    }
}
