//! Diagrams are correct: they show what the engine does.

use std::collections::BTreeSet;

use gan_cuda::device::cpu::Cpu;
use gan_cuda::gan::iteration::{Step, iteration};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Fakes, Loss, Order, Settings};
use gan_cuda::gan::work::Work;
use gan_cuda::gan::{Gan, Model, Role};
use gan_cuda::nn::layer::Convolution;
use gan_cuda::nn::{Layer, NetworkSpec, Shape, Stage};
use gan_cuda::picture::diagram::{Diagram, Flow, Kind, Node, Panel};

use super::{Case, cases};

fn specs(case: &Case) -> [&NetworkSpec; 2] {
    Role::BOTH.map(|role| case.model.network(role))
}

fn number(text: &str) -> usize {
    text.replace(',', "").parse().unwrap()
}

fn position(panel: &Panel, part: &str) -> Option<usize> {
    let node = panel.nodes.iter().find(|node| node.id.contains(part));
    node.map(|node| node.rows.start)
}

/// The total number of parameters in a panel.
fn parameters(panel: &Panel) -> usize {
    let counts = panel.nodes.iter().filter_map(|node| node.lines.get(2));
    counts.map(|text| number(text)).sum()
}

#[test]
fn parameters_of_layers_add_up_to_those_of_the_networks() {
    for case in cases() {
        for (panel, of) in case.diagram().panels.iter().zip(specs(&case)) {
            assert_eq!(parameters(panel), of.parameters(), "{} {}", case.name, panel.id);
        }
    }
    let case = Case::published("cgan");
    let gan = Gan::new(Cpu::<f32>::new(1), case.model.clone(), 0).unwrap();
    for (panel, network) in
        case.diagram().panels.iter().zip(Role::BOTH.map(|role| &gan.trained_network(role).network))
    {
        assert_eq!(parameters(panel), network.params().count(), "{}", panel.id);
    }
}

#[test]
fn modules_are_in_order_with_their_output_shapes() {
    for case in cases() {
        for (panel, of) in case.diagram().panels.iter().zip(specs(&case)) {
            let drawn = panel.nodes.iter().filter(|node| node.lines[0].contains(": "));
            let drawn: Vec<_> = drawn.map(|node| node.lines[0].clone()).collect();
            // Modules are named with their sequence's key if there are several sequences.
            let keys: Vec<_> = of.layers().map(|(key, _)| key).collect();
            let prefix = keys[0].trim_end_matches('0');
            let one = keys.iter().all(|key| key.starts_with(prefix));
            let name = |key: String| if one { key.replace(prefix, "") } else { key };
            let layers = of.layers().map(|(key, layer)| format!("{}: {layer}", name(key)));
            let layers: Vec<_> = layers.collect();
            assert_eq!(drawn, layers, "{} {}", case.name, panel.id);
            let nodes = panel.nodes.iter().filter(|n| n.lines[0].contains(": "));
            // The discriminator's output is one number for each image.
            let last = match of.output() {
                Shape::Image([1, 1, 1]) => Shape::Features(1),
                output => output,
            };
            let outputs = of.inputs()[1..].iter().copied().chain([last]);
            for (node, output) in nodes.zip(outputs) {
                let edge = panel.edges.iter().find(|edge| edge.from == node.id).unwrap();
                let row = match output {
                    Shape::Features(features) => features.to_string(),
                    Shape::Image(extents) => extents.map(|extent| extent.to_string()).join(", "),
                };
                let shape = format!("({}, {row})", case.settings().batch_size);
                assert_eq!(edge.label, [shape], "{} {}", case.name, node.id);
            }
        }
    }
}

/// A Sigmoid elsewhere is an ordinary layer.
#[test]
fn final_sigmoid_of_the_discriminator_is_shown_as_part_of_its_loss() {
    let in_loss = |panel: &Panel| {
        let nodes = panel.nodes.iter().filter(|node| node.lines.contains(&IN_LOSS.to_owned()));
        nodes.map(|node| node.lines[0].clone()).collect::<Vec<_>>()
    };
    const IN_LOSS: &str = "computed with the loss";
    for case in cases() {
        let diagram = case.diagram();
        let [generator, discriminator] = [&diagram.panels[0], &diagram.panels[1]].map(in_loss);
        let last = specs(&case)[1].layers().count() - 1;
        let want = match case.settings().loss {
            Loss::Bce => vec![format!("{last}: Sigmoid()")],
            _ => Vec::new(),
        };
        assert_eq!((generator, discriminator), (Vec::new(), want), "{}", case.name);
    }
}

/// Whether both updates are merged.
fn merges(case: &Case) -> bool {
    iteration(&case.model).contains(&Step::Losses)
}

/// The number of stages that multiply by weights.
fn weighted_stages(stages: &[Stage]) -> usize {
    let weighted =
        stages.iter().filter(|stage| matches!(stage, Stage::Linear(_) | Stage::Convolution(_)));
    weighted.count()
}

#[test]
fn order_of_updates_and_noise_for_fresh_fakes_match_the_settings() {
    for case in cases() {
        let [.., iteration] = &case.diagram().panels;
        let [g, d] = ["adam_G", "adam_D"].map(|id| position(iteration, id).unwrap());
        // Merged updates have both optimizer steps beside each other.
        assert_eq!(g == d, merges(&case), "{}", case.name);
        assert_eq!(g <= d, case.settings().order == Order::GFirst, "{}", case.name);
        let noises = iteration.nodes.iter().filter(|node| node.id.contains("noise")).count();
        let fresh = case.settings().fakes == Fakes::Fresh;
        assert_eq!(noises, if fresh { 2 } else { 1 }, "{}", case.name);
        if let Some(second) = position(iteration, "noise_2") {
            assert!(g.min(d) < second && second < g.max(d), "{}", case.name);
        }
    }
}

/// For every Linear and convolution, the input features or channels, and the multiplications for
/// each of them per row.
fn weighted_layers(network: &NetworkSpec) -> Vec<[usize; 2]> {
    let pixels = |shape: Shape| shape.image()[1] * shape.image()[2];
    let layers = network.layers().zip(network.inputs());
    let multiplications = |((_, layer), &input): ((_, Layer), &Shape)| match layer {
        Layer::Linear { inputs, outputs } => Some([inputs, outputs]),
        Layer::Conv2d(convolution) => {
            let Convolution { inputs, outputs, kernel, .. } = convolution;
            Some([inputs, outputs * kernel * kernel * pixels(input.after(layer).unwrap())])
        }
        Layer::ConvTranspose2d { convolution, .. } => {
            let Convolution { inputs, outputs, kernel, .. } = convolution;
            Some([inputs, outputs * kernel * kernel * pixels(input)])
        }
        _ => None,
    };
    layers.filter_map(multiplications).collect()
}

/// Operations of a forward pass of these layers, or of the gradients of their weights.
fn flop(layers: &[[usize; 2]], rows: u64) -> u64 {
    layers.iter().map(|[inputs, outputs]| 2 * rows * (inputs * outputs) as u64).sum()
}

/// The operations of a pass, counted from its box only.
fn operations(node: &Node, model: &Model) -> u64 {
    let Kind::Network(role) = node.kind else { return 0 };
    let (network, batch) = (model.network(role), model.settings().batch_size);
    let all = weighted_layers(network);
    let [_, width] = all[0];
    let own = match network.layers().find(|(_, layer)| layer.parameters() > 0) {
        Some((_, Layer::Linear { .. })) => network.input().shape.elements(),
        _ => network.input().shape.image()[0],
    };
    let rows = |role| if role == Role::Generator { batch } else { 2 * batch } as u64;
    let after_first = |rows| flop(&all[1..], rows);
    let settings = model.settings();
    let penalized = (settings.penalized_batches().len() * batch) as u64;
    let seen = if settings.gp > 0.0 { 3 * batch } else { 2 * batch } as u64;
    match node.lines[..] {
        [ref pass, ..] if pass == "D backward from ones" => {
            after_first(seen) + 2 * penalized * (own * width) as u64
        }
        [ref pass, ..] if pass == "D tangents forward" => {
            flop(&all, seen) + flop(&all[..all.len() - 1], penalized)
        }
        [ref pass, ref text, ..] if pass.ends_with("forward") => {
            let (rows, images) = text.split_once(' ').unwrap();
            // With the layer that has dropout itself: it multiplies before.
            let fork = network.first_dropout().min(network.stages().len() - 1);
            let stages = &network.stages()[..=fork];
            let before = match images {
                "rows: real, fake, fake," => weighted_stages(stages),
                _ => 0,
            };
            flop(&all, number(rows) as u64) - flop(&all[..before], batch as u64)
        }
        [ref pass, ref text, ..] if pass.ends_with("backward") && text == "weight gradients," => {
            let table = 4 * (batch * network.classes() * width) as u64;
            let images = 2 * (batch * own * width) as u64;
            flop(&all, 2 * batch as u64) + table + after_first(3 * batch as u64) + images
        }
        [ref pass, ref text, ..] if pass.ends_with("backward") && text == "weight gradients" => {
            let rows = rows(role);
            let table = 2 * rows * (network.classes() * width) as u64;
            flop(&all, rows) + after_first(rows) + table
        }
        [ref pass, ..] if pass.ends_with("backward") => {
            let rows = batch as u64;
            after_first(rows) + 2 * rows * (own * width) as u64
        }
        _ => 0,
    }
}

#[test]
fn passes_add_up_to_the_work_of_an_iteration() {
    for case in cases().iter().filter(|case| !case.name.contains("wide")) {
        let [.., iteration] = &case.diagram().panels;
        let drawn: u64 = iteration.nodes.iter().map(|node| operations(node, &case.model)).sum();
        // The diagram shows the iteration with all parts.
        let settings = case.settings().clone();
        let model = Model::new(Settings { n_critic: 1, penalty_interval: 1, ..settings }).unwrap();
        assert_eq!(drawn, Work::new(&model).flop, "{}", case.name);
    }
}

#[test]
fn generator_passes_match_num_batches_tracked() {
    for case in cases().iter().filter(|case| case.name.ends_with("narrow")) {
        let mut gan = Gan::new(Cpu::<f32>::new(1), case.model.clone(), 0).unwrap();
        gan.set_completed(1).unwrap();
        let [.., iteration] = &case.diagram().panels;
        let drawn = iteration.nodes.iter().filter(|node| node.lines[0] == "G forward").count();
        assert_eq!(drawn as u64, gan.batches_tracked(Role::Generator), "{}", case.name);
    }
}

#[test]
fn forward_passes_mention_batch_norm_and_dropout() {
    for case in cases() {
        let [.., iteration] = &case.diagram().panels;
        for (network, name) in specs(&case).into_iter().zip(["G forward", "D forward"]) {
            let passes = iteration.nodes.iter().filter(|node| node.lines[0] == name);
            for lines in passes.map(|node| &node.lines) {
                let has = |text: &str| lines.iter().any(|line| line == text);
                let found = [has("BatchNorm: batch statistics"), has("new dropout masks")];
                assert_eq!(
                    found,
                    [network.has_batch_norm(), network.has_dropout()],
                    "{} {name}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn merged_updates_have_one_discriminator_pass() {
    let passes = |dropout, order| {
        let rewrite = Rewrite { dropout: Some(dropout), ..Rewrite::default() };
        let case = Case::new("cgan", "", rewrite, |settings| settings.order = order);
        let [.., iteration] = case.diagram().panels;
        iteration.nodes.iter().filter(|node| node.lines[0] == "D forward").count()
    };
    assert_eq!([passes(0.4, Order::DFirst), passes(0.0, Order::DFirst)], [2, 2]);
    assert_eq!([passes(0.4, Order::GFirst), passes(0.0, Order::GFirst)], [1, 1]);
}

/// All boxes from which arrows of some kinds lead to this one.
fn sources(panel: &Panel, to: &str, flows: &[Flow]) -> BTreeSet<String> {
    let mut found = BTreeSet::from([to.to_owned()]);
    loop {
        let next = panel.edges.iter().filter(|e| found.contains(&e.to) && flows.contains(&e.flow));
        let more: Vec<_> = next.map(|e| e.from.clone()).filter(|id| !found.contains(id)).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

#[test]
fn gradients_of_each_update_come_from_its_loss_only() {
    let forward = [Flow::Forward, Flow::Detached];
    for case in cases() {
        let [.., iteration] = &case.diagram().panels;
        for side in ["G", "D"] {
            let id = |name: &str| format!("iteration_{name}_{side}");
            let fed = sources(iteration, &id("adam"), &[Flow::Gradient]);
            let losses: Vec<_> = fed.iter().filter(|id| id.contains("loss")).collect();
            let loss = if merges(&case) { "iteration_losses".to_owned() } else { id("loss") };
            assert_eq!(losses, [&loss], "{}", case.name);
            assert_eq!(fed.iter().any(|id| id.contains("_G_backward")), side == "G");
            let inputs = sources(iteration, &loss, &forward);
            assert!(inputs.iter().any(|id| id.contains("noise")), "{}", case.name);
            if side == "D" {
                let is_real = |id: &String| id.starts_with("iteration_reals");
                assert!(inputs.iter().any(is_real), "{}", case.name);
            }
        }
    }
}

#[test]
fn every_arrow_connects_two_boxes_and_every_box_has_an_arrow() {
    for case in cases() {
        let Diagram { panels, .. } = case.diagram();
        let mut names = BTreeSet::new();
        for panel in &panels {
            for node in &panel.nodes {
                assert!(names.insert(node.id.clone()), "{} twice", node.id);
                let touched = panel.edges.iter().any(|e| [&e.from, &e.to].contains(&&node.id));
                assert!(touched, "{}: nothing at {}", case.name, node.id);
            }
            for id in panel.edges.iter().flat_map(|edge| [&edge.from, &edge.to]) {
                assert!(names.contains(id), "{}: no {id}", case.name);
            }
        }
    }
}
