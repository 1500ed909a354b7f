//! Which tests there are for which device. A test's name is the device, the module, what it tests:
//! `cpu::operations::adam_update`. Filters may leave out the beginning.

use std::any::type_name;
use std::fmt::Display;

use gan_cuda::device::Precision;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::Cuda;
use libtest_mimic::{Completion, Trial};

use crate::open::{Kind, Tested, open_cuda};
use crate::training::learning::GOALS;
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

/// The group of a test: the module that it is in.
pub fn group(trial: &Trial) -> &str {
    trial.name().split("::").nth(1).unwrap_or_default()
}

struct Suite {
    kind: Kind,
    trials: Vec<Trial>,
}

impl Suite {
    /// Adds a test under its own name and that of the module that it is in.
    fn add<F: FnOnce() + Send + 'static>(&mut self, test: F) {
        // Without what it is generic over.
        let path = type_name::<F>().split('<').next().unwrap_or_default();
        let names: Vec<_> = path.split("::").collect();
        self.add_as(format!("{}::{}", names[1], names[names.len() - 1]), test);
    }

    /// Adds a test that is skipped where the device is not there.
    fn add_as(&mut self, name: impl Display, test: impl FnOnce() + Send + 'static) {
        let kind = self.kind;
        let name = format!("{}::{name}", kind.word());
        self.trials.push(Trial::ignorable_test(name, move || match kind.absence() {
            None => {
                test();
                Ok(Completion::Completed)
            }
            Some(absence) if kind.is_required() => Err(absence.into()),
            Some(_) => Ok(Completion::ignored_with(format!("skipped: {}", kind.nothing()))),
        }));
    }

    fn every_device<D: Tested>(&mut self) {
        for operation in operations::names() {
            self.add_as(format!("operations::{operation}"), || {
                operations::agrees_with_the_reference::<D>(operation);
            });
        }
        self.add(operations::writing_beside_a_buffer_is_noticed::<D>);
        self.add(operations::wrong_lengths_are_refused_by_name_and_number::<D>);
        self.add(operations::softmax_cross_entropy_gives_what_is_known_by_hand::<D>);
        for run in golden::runs().into_iter().filter(|run| run.single) {
            let name = format!("golden::{}", run.name);
            self.add_as(name, move || run.replay(D::open(true), "single precision"));
        }
        self.training::<D>();
    }

    fn training<D: Tested>(&mut self) {
        self.add(same_bits::same_seed_gives_the_same_bits::<D>);
        self.add(same_bits::resumed_run_equals_uninterrupted_run::<D>);
        self.add(two_gans::two_gans_that_take_turns_end_with_the_bits_that_each_has_alone::<D>);
        for goal in &GOALS {
            let name = format!("training::{}_learns", goal.preset.replace('-', "_"));
            self.add_as(name, move || goal.is_reached::<D>());
        }
        self.add(learning::cgan_draws_the_digit_it_is_asked_for::<D>);
    }

    /// What is tested on the CPU alone: the other devices rest on it.
    fn cpu(&mut self) {
        self.add(comparator::what_is_close_is_accepted_and_its_share_is_reported);
        self.add(comparator::nan_infinity_wrong_lengths_and_far_numbers_are_refused);
        self.add(golden::recorded_runs_are_there);
        for run in golden::runs() {
            let name = format!("golden::{}::in_double_precision", run.name);
            self.add_as(name, move || run.replay(Cpu::<f64>::new(2), "double precision"));
        }
        self.add_as("training::first_iterations_are_those_in_double_precision", || {
            parity::first_iterations_are_those_of::<Cpu<f32>, _>(|| Cpu::<f64>::new(2));
        });
        self.add(operations::a_label_that_is_no_class_panics_on_the_cpu);
        self.every_device::<Cpu<f32>>();
    }

    fn cuda(&mut self) {
        self.every_device::<Cuda>();
        for run in golden::runs().into_iter().filter(|run| run.single) {
            let name = format!("golden::{}::without_graphs", run.name);
            self.add_as(name, move || run.replay(<Cuda as Tested>::open(false), "without graphs"));
        }
        self.add(operations::a_label_that_is_no_class_makes_its_loss_nan_and_no_other);
        self.add(precision::products_are_off_by_their_roundoff_and_by_more_than_nothing);
        self.add(precision::products_are_those_of_rounded_factors);
        self.add(timing::as_many_calls_are_timed_as_were_asked_for);
        for precision in [Precision::Tf32, Precision::Bf16] {
            self.add_as(format!("training::cgan_learns_in_{precision}"), move || {
                learning::cgan_learns_in(open_cuda(precision, true));
            });
        }
        self.add_as("training::first_iterations_are_those_on_the_cpu", || {
            parity::first_iterations_are_those_of::<Cuda, _>(|| Cpu::<f32>::new(1));
        });
        self.add_as("training::full_width_iterations_are_those_on_the_cpu", || {
            parity::full_width_iterations_are_those_of::<Cuda, _>(|| Cpu::<f32>::new(2));
        });
        self.add(same_bits::what_comes_again_is_replayed::<Cuda>);
        self.add(same_bits::graphs_leave_the_same_bits::<Cuda>);
        if self.kind == Kind::Emulated {
            self.add(nodes::the_branch_gives_way);
            self.add(same_bits::branches_leave_the_same_bits_under_every_schedule::<Cuda>);
        }
        self.add(two_gans::two_gans_that_take_turns_have_a_graph_each);
        self.add(nodes::iteration_is_one_graph_of_few_nodes);
        self.add(device_switch::run_goes_on_on_the_cpu_and_back::<Cuda>);
        // The last: after it the process can use the device no more.
        self.add(failure::a_failure_is_reported_though_everything_after_it_fails);
    }
}
