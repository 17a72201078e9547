//! Work on several items at once.

use std::sync::atomic::{AtomicUsize, Ordering};

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
