//! Gradient checks: backward passes compared with finite differences of the forward passes, in double
//! precision.
//!
//! Every operation, every kind of layer, every loss, and both updates of every preset at small
//! widths, with fixed dropout masks. Step 1e-4; |analytic − numeric| ≤ 1e-6·max(|analytic|,
//! |numeric|) + 1e-10. Run with `-- --nocapture` to see the table.
//!
//! | module | holds |
//! |---|---|
//! | `check` | the checker and its table |
//! | `checker` | tests of the checker |
//! | `random` | the points at which gradients are checked |
//! | `merged` | merged updates against separate ones |
//! | `operations`, `layers`, `updates`, `penalties` | the cases |

mod check;
mod checker;
mod layers;
mod merged;
mod operations;
mod penalties;
mod random;
#[path = "../common/sizes.rs"]
mod sizes;
mod updates;

#[test]
fn all_gradients_equal_finite_differences() {
    let mut cases = operations::cases();
    cases.extend(layers::cases());
    cases.extend(updates::cases());
    cases.extend(penalties::cases());
    check::report(&cases);
}
