//! Work on several items at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Applies `work` to each of `items` on up to `n_threads` threads. The items are begun in their
/// order, and the results are in the same order.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    n_threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let run = || {
        let claim = || next.fetch_add(1, Ordering::Relaxed);
        let claimed =
            std::iter::repeat_with(claim).map_while(|index| Some((index, items.get(index)?)));
        claimed
            .map(|(index, item)| (index, work(item)))
            .collect::<Vec<_>>()
    };
    let mut results = std::thread::scope(|scope| {
        let others = (1..n_threads.min(items.len())).map(|_| scope.spawn(run));
        let others: Vec<_> = others.collect();
        let mut results = run();
        for other in others {
            results.extend(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Applies `work` to each of `items` on up to `n_threads` threads, and passes the results to `take` in
/// the order of the items. At most `n_waiting` items are begun and not taken yet, which bounds the
/// memory of their results. The first error ends it.
pub(crate) fn in_order<T: Sync, R: Send, E: Send>(
    items: &[T],
    n_threads: usize,
    n_waiting: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let queue = Queue::new(items.len(), n_waiting);
    std::thread::scope(|scope| {
        for _ in 0..n_threads.min(items.len()) {
            scope.spawn(|| {
                let _end = EndOnPanic(&queue);
                while let Some(index) = queue.claim() {
                    queue.put(index, work(&items[index]));
                }
            });
        }
        let _end = End(&queue);
        for (index, item) in items.iter().enumerate() {
            // A result is missing only if a thread panicked, which the scope passes on.
            let Some(result) = queue.take(index) else {
                break;
            };
            take(item, result?)?;
        }
        Ok(())
    })
}

/// The state of [`in_order`].
struct Queue<R> {
    n_items: usize,
    n_waiting: usize,
    state: Mutex<State<R>>,
    changed: Condvar,
}

struct State<R> {
    /// The number of items that were begun.
    n_begun: usize,
    /// The number of results that were taken.
    n_taken: usize,
    ready: BTreeMap<usize, R>,
    is_ended: bool,
}

impl<R> Queue<R> {
    fn new(n_items: usize, n_waiting: usize) -> Self {
        let state = State {
            n_begun: 0,
            n_taken: 0,
            ready: BTreeMap::new(),
            is_ended: false,
        };
        Self {
            n_items,
            n_waiting: n_waiting.max(1),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `is_early` holds.
    fn wait(&self, is_early: impl Fn(&State<R>) -> bool) -> MutexGuard<'_, State<R>> {
        let waited = self.changed.wait_while(self.state(), |it| is_early(it));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item to begin; `None` if there is nothing left to do.
    fn claim(&self) -> Option<usize> {
        let is_full = |it: &State<R>| it.n_begun >= it.n_taken + self.n_waiting;
        let mut state = self.wait(|it| !it.is_ended && it.n_begun < self.n_items && is_full(it));
        if state.is_ended || state.n_begun == self.n_items {
            return None;
        }
        state.n_begun += 1;
        Some(state.n_begun - 1)
    }

    fn put(&self, index: usize, result: R) {
        self.state().ready.insert(index, result);
        self.changed.notify_all();
    }

    /// The result of item `index`; `None` if there will be none.
    fn take(&self, index: usize) -> Option<R> {
        let mut state = self.wait(|it| !it.is_ended && !it.ready.contains_key(&index));
        let result = state.ready.remove(&index)?;
        state.n_taken += 1;
        self.changed.notify_all();
        Some(result)
    }

    fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }
}

/// Ends the queue when it is dropped.
struct End<'a, R>(&'a Queue<R>);

impl<R> Drop for End<'_, R> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Ends the queue if the thread panics.
struct EndOnPanic<'a, R>(&'a Queue<R>);

impl<R> Drop for EndOnPanic<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_taken_in_order_and_few_of_them_wait() {
        let items: Vec<usize> = (0..500).collect();
        let waiting = AtomicUsize::new(0);
        let mut taken = Vec::new();
        let work = |item: &usize| {
            // One more is with `take`.
            assert!(waiting.fetch_add(1, Ordering::SeqCst) < 8);
            if item.is_multiple_of(3) {
                std::thread::yield_now();
            }
            Ok::<_, ()>(item * 2)
        };
        in_order(&items, 4, 7, work, |item, double| {
            assert_eq!(item * 2, double);
            taken.push(*item);
            waiting.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        assert_eq!(taken, items);
    }

    #[test]
    fn the_first_error_of_either_side_ends_it() {
        let items: Vec<usize> = (0..500).collect();
        let fails_at = |n: usize| move |item: &usize| if *item == n { Err(n) } else { Ok(*item) };
        let ended = in_order(&items, 3, 5, fails_at(100), |_, _| Ok(()));
        assert_eq!(ended, Err(100));
        let ended = in_order(
            &items,
            3,
            5,
            |item| Ok(*item),
            |item, _| fails_at(50)(item).map(drop),
        );
        assert_eq!(ended, Err(50));
    }

    #[test]
    fn a_panic_of_a_thread_is_passed_on() {
        let items = [1, 2, 3, 4, 5, 6, 7, 8];
        let panics = || {
            let work = |item: &i32| {
                if *item == 3 {
                    panic!("three")
                } else {
                    Ok::<_, ()>(())
                }
            };
            in_order(&items, 2, 2, work, |_, ()| Ok(()))
        };
        assert!(std::panic::catch_unwind(panics).is_err());
    }
}
