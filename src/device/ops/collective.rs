//! Sums and copies between the devices that train together.

use crate::device::{Element, In, Memory, Out, Ranks, Result};

/// Operations that all ranks call together, in the same order and with arguments of the same length.
///
/// Every rank gets the same bits, and the same again in another run with as many ranks. A device that
/// trains alone has nothing to do.
pub trait Collective: Memory {
    /// This device's place among those that train together.
    fn ranks(&self) -> Ranks;

    /// x ← Σ over the ranks of their x (n). In place.
    fn all_reduce(&self, x: Out<'_, Self>);

    /// all\[rank\] = that rank's own. all (ranks, n), own (n).
    fn all_gather(&self, all: Out<'_, Self>, own: In<'_, Self>);

    /// x ← rank 0's x (n). In place.
    fn broadcast<T: Element>(&self, x: Self::ViewMut<'_, T>);

    /// Waits until every rank has come here, and all that was queued before is done.
    ///
    /// # Errors
    /// When the device, a previously queued operation or another rank failed.
    fn barrier(&self) -> Result<()>;
}
