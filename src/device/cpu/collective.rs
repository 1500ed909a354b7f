//! CPU devices on threads of one process that train together: the reference of the tests.

use std::any::Any;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Cpu, CpuReal};
use crate::device::ops::{Collective, contract};
use crate::device::{Element, Ranks, Result};

/// How long a rank waits for the others. One that does not come by then has panicked.
const PATIENCE: Duration = Duration::from_secs(60);

/// A membership in a group of CPU devices, which one of them [takes](Cpu::member).
pub struct Member {
    ranks: Ranks,
    table: Arc<Table>,
}

/// Where the ranks meet: each puts down its numbers, waits for all, and reads the numbers of all.
struct Table {
    /// What each rank has put down: a `Vec` of its numbers.
    numbers: Mutex<Vec<Box<dyn Any + Send>>>,
    arrivals: Mutex<Arrivals>,
    complete: Condvar,
}

#[derive(Default)]
struct Arrivals {
    /// Ranks that wait for the others.
    waiting: usize,
    /// How often all have come.
    rounds: u64,
}

impl Member {
    /// The memberships in a group of so many devices.
    pub fn group(size: usize) -> Vec<Self> {
        let nothing = || Box::new(()) as Box<dyn Any + Send>;
        let table = Arc::new(Table {
            numbers: Mutex::new((0..size).map(|_| nothing()).collect()),
            arrivals: Mutex::default(),
            complete: Condvar::new(),
        });
        let member = |rank| Self { ranks: Ranks { rank, size }, table: Arc::clone(&table) };
        (0..size).map(member).collect()
    }

    /// Calls `read` with the numbers of all ranks, in order.
    ///
    /// # Panics
    /// When another rank calls a different operation, or none.
    fn exchange<T: Element>(&self, own: &[T], read: impl FnOnce(&[&[T]])) {
        lock(&self.table.numbers)[self.ranks.rank] = Box::new(own.to_vec());
        self.wait();
        let numbers = lock(&self.table.numbers);
        let of_rank = numbers.iter().map(|numbers| numbers.downcast_ref::<Vec<T>>());
        let alike = of_rank.map(|numbers| Some(&**numbers.filter(|of| of.len() == own.len())?));
        match alike.collect::<Option<Vec<_>>>() {
            Some(all) => read(&all),
            None => panic!("the ranks have called different operations"),
        }
        drop(numbers);
        // Nobody puts down the next numbers before all have read these.
        self.wait();
    }

    /// Waits for all ranks.
    fn wait(&self) {
        let mut arrivals = lock(&self.table.arrivals);
        arrivals.waiting += 1;
        let round = arrivals.rounds;
        if arrivals.waiting == self.ranks.size {
            *arrivals = Arrivals { waiting: 0, rounds: round + 1 };
            return self.table.complete.notify_all();
        }
        let incomplete = |arrivals: &mut Arrivals| arrivals.rounds == round;
        let waited = self.table.complete.wait_timeout_while(arrivals, PATIENCE, incomplete);
        let (arrivals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(arrivals.rounds > round, "another rank has not come");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: CpuReal> Cpu<T> {
    /// The same device as a member of a group, for one thread of those that train together.
    pub fn member(self, member: Member) -> Self {
        Self { member: Some(member), ..self }
    }
}

impl<T: CpuReal> Collective for Cpu<T> {
    fn ranks(&self) -> Ranks {
        self.member.as_ref().map_or(Ranks::ALONE, |member| member.ranks)
    }

    fn all_reduce(&self, x: &mut [T]) {
        let Some(member) = &self.member else { return };
        let own = x.to_vec();
        member.exchange(&own, |all| {
            x.fill(T::ZERO);
            for of_rank in all {
                x.iter_mut().zip(*of_rank).for_each(|(sum, &number)| *sum += number);
            }
        });
    }

    fn all_gather(&self, all: &mut [T], own: &[T]) {
        contract::all_gather(&all, &own, self.ranks());
        match &self.member {
            None => all.copy_from_slice(own),
            Some(member) => member.exchange(own, |parts| {
                let ranks = all.chunks_exact_mut(own.len().max(1)).zip(parts);
                ranks.for_each(|(to, from)| to.copy_from_slice(from));
            }),
        }
    }

    fn broadcast<E: Element>(&self, x: &mut [E]) {
        let Some(member) = &self.member else { return };
        let own = x.to_vec();
        member.exchange(&own, |all| x.copy_from_slice(all[0]));
    }

    fn barrier(&self) -> Result<()> {
        if let Some(member) = &self.member {
            member.wait();
        }
        Ok(())
    }
}
