//! The list of tests for each device. A test's name consists of device, module and test:
//! `cpu::operations::adam_update`. Filters may omit the beginning.

use std::any::type_name;
use std::fmt::Display;
use std::sync::Arc;

use gan_cuda::device::Precision;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::{Cuda, CudaOptions};
use gan_cuda::gan::dataset::DeviceImages;
use libtest_mimic::{Completion, Trial};

use crate::open::{Kind, Tested, open_cuda, open_own};
use crate::training::learning::GOALS;
use crate::training::replicas::{self, Replicated};
use crate::training::{device_switch, learning, nodes, parity, same_bits, two_gans};
use crate::{comparator, failure, golden, operations, precision, timing};

/// All tests for a device.
pub fn trials(kind: Kind) -> Vec<Trial> {
    let mut suite = Suite { kind, trials: Vec::new() };
    match kind {
        Kind::Cpu => suite.cpu(),
        Kind::Emulated | Kind::Cuda => suite.cuda(),
    }
    suite.trials
}

/// The group of a test: the module that it is in. Each of the emulator's tests of operations and
/// training, which take longest, is a group of its own, so that several run at once.
pub fn group(trial: &Trial) -> &str {
    let (device, test) = trial.name().split_once("::").unwrap_or_default();
    let module = test.split("::").next().unwrap_or_default();
    let long = ["operations", "training"].contains(&module);
    if device == Kind::Emulated.word() && long { test } else { module }
}

/// Whether an iteration of a case does not have the steps and layers of another one.
fn has_own_steps(name: &str) -> bool {
    !["mlp-rgb", "cdcgan", "cgan-ema"].contains(&name)
}

struct Suite {
    kind: Kind,
    trials: Vec<Trial>,
}

impl Suite {
    /// Adds a test, named after its module and function.
    fn add<F: FnOnce() + Send + 'static>(&mut self, test: F) {
        // Without generic arguments.
        let path = type_name::<F>().split('<').next().unwrap_or_default();
        let names: Vec<_> = path.split("::").collect();
        self.add_as(format!("{}::{}", names[1], names[names.len() - 1]), test);
    }

    /// Adds a test that is skipped if the device is missing.
    fn add_as(&mut self, name: impl Display, test: impl FnOnce() + Send + 'static) {
        let kind = self.kind;
        let name = format!("{}::{name}", kind.word());
        self.trials.push(Trial::ignorable_test(name, move || match kind.absence() {
            None => {
                test();
                Ok(Completion::Completed)
            }
            Some(absence) if kind.is_required() => Err(absence.into()),
            Some(_) => Ok(Completion::ignored_with(format!("skipped: {}", kind.absent_name()))),
        }));
    }

    fn every_device<D: Replicated>(&mut self)
    where
        Arc<DeviceImages<D>>: Send + Sync,
    {
        for operation in operations::names() {
            self.add_as(format!("operations::{operation}"), || {
                operations::agrees_with_the_reference::<D>(operation);
            });
        }
        self.add(operations::out_of_bounds_writes_are_detected::<D>);
        self.add(operations::wrong_lengths_panic_with_names_and_numbers::<D>);
        self.add(operations::softmax_cross_entropy_equals_values_computed_by_hand::<D>);
        self.add(operations::each_augmentation_equals_values_computed_by_hand::<D>);
        self.add(operations::augmentations_equal_those_of_the_authors::<D>);
        self.add(operations::shifts_and_holes_are_uniform::<D>);
        self.add(operations::augment_backward_is_the_transpose::<D>);
        self.add(operations::spectral_norm_equals_pytorchs::<D>);
        self.add(operations::without_an_iteration_the_bits_stay_the_same::<D>);
        self.add(operations::iterations_converge_to_the_largest_singular_value::<D>);
        self.add(operations::spectral_norm_waits_for_weight_gradients::<D>);
        for run in golden::runs().into_iter().filter(|run| run.single) {
            let name = format!("golden::{}", run.name);
            self.add_as(name, move || run.check(D::open(true), "single precision"));
        }
        self.training::<D>();
    }

    fn training<D: Replicated>(&mut self)
    where
        Arc<DeviceImages<D>>: Send + Sync,
    {
        self.add(same_bits::same_seed_gives_the_same_bits::<D>);
        self.add(same_bits::resumed_run_equals_uninterrupted_run::<D>);
        self.add(two_gans::two_gans_that_alternate_have_the_same_bits_as_alone::<D>);
        self.add(replicas::replicas_in_threads_have_the_same_bits_as_alone::<D>);
        // The emulator is slow, and golden runs cover the losses of other presets there.
        let slow = self.kind == Kind::Emulated;
        for goal in GOALS.iter().filter(|goal| !slow || goal.has_own_layers()) {
            let name = format!("training::{}_learns", goal.preset.replace('-', "_"));
            self.add_as(name, move || goal.is_reached::<D>());
        }
        if !slow {
            self.add(learning::cgan_generates_the_requested_digit::<D>);
        }
    }

    /// Adds the CPU's tests, some of which establish the reference for the other devices.
    fn cpu(&mut self) {
        self.add(comparator::close_numbers_pass_and_the_fraction_of_the_tolerance_is_returned);
        self.add(comparator::nan_infinity_wrong_lengths_and_different_numbers_fail);
        self.add(golden::golden_runs_exist);
        for run in golden::runs() {
            let name = format!("golden::{}::in_double_precision", run.name);
            self.add_as(name, move || run.check(Cpu::<f64>::new(2), "double precision"));
        }
        self.add_as("training::first_iterations_are_those_in_double_precision", || {
            let open = || <Cpu<f32> as Tested>::open(true);
            parity::first_iterations_agree(open, || Cpu::<f64>::new(2));
        });
        self.add(operations::an_invalid_label_panics_on_the_cpu);
        self.every_device::<Cpu<f32>>();
    }

    /// The same with products by our own kernels.
    fn own_gemm(&mut self) {
        for operation in operations::PRODUCTS {
            self.add_as(format!("operations::own_gemm::{operation}"), || {
                operations::own_gemm_agrees_with_the_reference(operation);
            });
        }
        for run in golden::runs().into_iter().filter(|run| run.single) {
            let name = format!("golden::{}::own_gemm", run.name);
            self.add_as(name, move || run.check(open_own(true), "own GEMM"));
        }
        self.add_as("training::first_iterations_with_own_gemm_are_those_on_the_cpu", || {
            parity::first_iterations_agree(|| open_own(true), || Cpu::<f32>::new(1));
        });
        // Merged passes with dropout, and BatchNorm.
        let includes = |name: &str| ["mlp-dropout", "mlp-batchnorm", "cgan"].contains(&name);
        self.add_as("training::graphs_with_own_gemm_give_the_same_bits", move || {
            same_bits::graphs_give_the_same_bits(open_own, includes);
        });
        if self.kind == Kind::Emulated {
            self.add_as("training::own_gemm_gives_the_same_bits_under_every_schedule", move || {
                same_bits::branches_give_the_same_bits_under_every_schedule(open_own, includes);
            });
        }
        self.add(nodes::own_gemm_needs_fewer_nodes);
    }

    fn cuda(&mut self) {
        self.every_device::<Cuda>();
        for run in golden::runs().into_iter().filter(|run| run.single) {
            let name = format!("golden::{}::without_graphs", run.name);
            self.add_as(name, move || run.check(<Cuda as Tested>::open(false), "without graphs"));
        }
        self.add(operations::an_invalid_label_makes_only_its_own_loss_nan);
        self.add(precision::errors_are_within_the_roundoff_of_operands_and_exceed_single_precision);
        self.add(precision::results_are_those_of_rounded_operands);
        self.add(timing::the_requested_number_of_calls_is_timed);
        for precision in [Precision::Tf32, Precision::Bf16] {
            self.add_as(format!("training::cgan_learns_in_{precision}"), move || {
                learning::cgan_learns_in(open_cuda(CudaOptions {
                    precision,
                    ..CudaOptions::default()
                }));
            });
        }
        self.add_as("training::first_iterations_are_those_on_the_cpu", || {
            let open = || <Cuda as Tested>::open(true);
            parity::first_iterations_agree(open, || Cpu::<f32>::new(1));
        });
        self.add_as("training::full_width_iterations_are_those_on_the_cpu", || {
            parity::full_width_iterations_are_those_of::<Cuda, _>(|| Cpu::<f32>::new(2));
        });
        self.add(same_bits::repeated_operations_are_launched_as_a_graph::<Cuda>);
        self.add_as("training::graphs_give_the_same_bits", || {
            same_bits::graphs_give_the_same_bits(<Cuda as Tested>::open, has_own_steps);
        });
        if self.kind == Kind::Emulated {
            self.add(nodes::the_branch_has_the_lowest_priority);
            self.add_as("training::branches_give_the_same_bits_under_every_schedule", || {
                let open = <Cuda as Tested>::open;
                same_bits::branches_give_the_same_bits_under_every_schedule(open, has_own_steps);
            });
        }
        self.own_gemm();
        self.add(two_gans::two_gans_that_alternate_have_separate_graphs);
        self.add(nodes::iteration_is_one_graph_of_few_nodes);
        self.add(device_switch::run_resumes_on_the_cpu_and_back::<Cuda>);
        // The last test: after it the process cannot use the device.
        self.add(failure::the_first_failure_is_reported_and_drops_do_not_panic);
    }
}
