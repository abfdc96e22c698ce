//! Several things at once, each as soon as those before it have ended.

use std::{future::Future, pin::Pin, task::Poll};

/// Something that is at work.
pub(super) type Task<'f, T> = Pin<Box<dyn Future<Output = T> + 'f>>;

enum Step<'f, T> {
    Waiting,
    AtWork(Task<'f, T>),
    Ended(T),
}

/// Begins each as soon as all those before it have ended; returns what each returned, in their order.
/// Where they wait for each other in a circle, the first of these begins.
pub(super) async fn in_order<'f, T>(
    before: &[Vec<usize>],
    mut begin: impl FnMut(usize) -> Task<'f, T>,
) -> Vec<T> {
    let mut steps: Vec<Step<'f, T>> = before.iter().map(|_| Step::Waiting).collect();
    std::future::poll_fn(|context| {
        loop {
            let mut moved = false;
            for place in 0..steps.len() {
                let has_ended = |other: &usize| matches!(steps[*other], Step::Ended(_));
                if matches!(steps[place], Step::Waiting) && before[place].iter().all(has_ended) {
                    steps[place] = Step::AtWork(begin(place));
                }
                if let Step::AtWork(task) = &mut steps[place]
                    && let Poll::Ready(done) = task.as_mut().poll(context)
                {
                    steps[place] = Step::Ended(done);
                    moved = true;
                }
            }
            let at_work = steps.iter().any(|step| matches!(step, Step::AtWork(_)));
            match steps.iter().position(|step| matches!(step, Step::Waiting)) {
                Some(place) if !at_work && !moved => steps[place] = Step::AtWork(begin(place)),
                None if !at_work => return Poll::Ready(()),
                _ if !moved => return Poll::Pending,
                _ => {}
            }
        }
    })
    .await;
    let ended = steps.into_iter().filter_map(|step| match step {
        Step::Ended(done) => Some(done),
        Step::Waiting | Step::AtWork(_) => None,
    });
    ended.collect()
}

/// All at once.
pub(super) async fn at_once<'f, T>(
    count: usize,
    begin: impl FnMut(usize) -> Task<'f, T>,
) -> Vec<T> {
    in_order(&vec![Vec::new(); count], begin).await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn each_begins_when_those_before_it_have_ended_and_a_circle_is_broken() {
        let said = RefCell::new(Vec::new());
        let begin = |place: usize| -> Task<'_, usize> {
            said.borrow_mut().push(format!("begin {place}"));
            let said = &said;
            Box::pin(async move {
                tokio::task::yield_now().await;
                said.borrow_mut().push(format!("end {place}"));
                place
            })
        };
        let ended = in_order(&[vec![2], vec![], vec![1], vec![4], vec![3]], begin).await;
        assert_eq!(ended, [0, 1, 2, 3, 4]);
        let at = |what: &str| said.borrow().iter().position(|line| line == what).unwrap();
        assert!(at("end 1") < at("begin 2") && at("end 2") < at("begin 0"));
        assert!(at("end 3") < at("begin 4"), "the circle of 3 and 4");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nothing_is_soon_done() {
        let none = at_once(0, |_| -> Task<'_, u8> { unreachable!("there is nothing") }).await;
        assert!(none.is_empty());
    }
}
