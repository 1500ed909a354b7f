use super::*;
use crate::nn::layer::problem::NAMES;

fn parse(text: &str) -> Layer {
    text.parse().unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

/// The short form that is printed, then PyTorch 2's long form and other equivalent ones.
const FORMS: &[(&str, &[&str])] = &[
    (
        "Linear(110, 128)",
        &[
            "Linear(in_features=110, out_features=128, bias=True)",
            " Linear( 110,out_features = 128 ) ",
            "Linear(out_features=128, in_features=110)",
        ],
    ),
    (
        "Conv2d(1, 64, kernel_size=4, stride=2, padding=1)",
        &[
            "Conv2d(1, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))",
            "Conv2d(1, 64, 4, 2, 1)",
        ],
    ),
    (
        "Conv2d(3, 64, kernel_size=4, bias=False)",
        &["Conv2d(3, 64, kernel_size=(4, 4), stride=(1, 1), bias=False)"],
    ),
    (
        "ConvTranspose2d(128, 64, kernel_size=4, stride=2, padding=1)",
        &[
            "ConvTranspose2d(128, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))",
            "ConvTranspose2d(128, 64, 4, 2, 1, 0)",
        ],
    ),
    (
        "ConvTranspose2d(8, 4, kernel_size=3, stride=2, output_padding=1)",
        &["ConvTranspose2d(8, 4, 3, 2, 0, 1, 1, True, 1)"],
    ),
    (
        "BatchNorm1d(256, eps=0.8)",
        &[
            "BatchNorm1d(256, 0.8)",
            "BatchNorm1d(256, eps=0.8, momentum=0.1, affine=True, track_running_stats=True)",
        ],
    ),
    ("BatchNorm1d(256)", &["BatchNorm1d(256, eps=1e-05, momentum=0.1)"]),
    ("BatchNorm2d(64, eps=0.00002, momentum=0.3)", &["BatchNorm2d(64, 2e-5, 0.3)"]),
    ("Dropout(0.4)", &["Dropout(p=0.4, inplace=False)", "Dropout(.4)"]),
    ("Dropout(0.5)", &["Dropout()"]),
    ("LeakyReLU(0.2)", &["LeakyReLU(negative_slope=0.2, inplace=True)"]),
    ("ReLU()", &["ReLU(inplace=True)", "ReLU(True)"]),
    ("Tanh()", &["Tanh( )"]),
    ("Sigmoid()", &[]),
    ("Flatten()", &["Flatten(start_dim=1, end_dim=-1)"]),
    ("Unflatten(128, 7, 7)", &["Unflatten(dim=1, unflattened_size=(128, 7, 7))"]),
];

#[test]
fn layers_are_parsed_as_printed_and_in_pytorchs_long_form() {
    for &(short, others) in FORMS {
        assert_eq!(parse(short).to_string(), short);
        for other in others {
            assert_eq!(parse(other), parse(short), "{other}");
        }
    }
}

#[test]
fn every_layer_name_is_parsed_and_printed() {
    for name in NAMES {
        let of_name = |form: &&(&str, _)| form.0.starts_with(&format!("{name}("));
        assert!(FORMS.iter().any(|form| of_name(&form)), "{name}");
    }
}

#[test]
fn invalid_layers_are_rejected_with_the_reason() {
    for (text, words) in [
        ("", &["\"\" is not a layer", "Linear(128, 256)"][..]),
        ("Linear", &["is not a layer"]),
        ("Linear(1, 2", &["is not a layer"]),
        ("Linear(1, (2)", &["is not a layer"]),
        ("(0): Linear(1, 2)", &["is not a layer"]),
        ("Linear(1,, 2)", &["is not a layer"]),
        ("GELU()", &["unknown layer GELU", "Linear, Conv2d", "Unflatten"]),
        ("Linear(128)", &["Linear(128) lacks the argument out_features"]),
        ("Linear(128, 0)", &["out_features", "is 0", "from 1 to 1,000,000"]),
        ("Linear(128, -4)", &["out_features", "-4"]),
        ("Linear(128, 1e3)", &["out_features", "1e3"]),
        ("Linear(1, 2, bias=False)", &["bias", "False", "must be True"]),
        ("Linear(1, 2, 3)", &["bias", "is 3"]),
        ("Linear(1, 2, True, 4)", &["unexpected argument: 4"]),
        ("Linear(1, 2, device='cpu')", &["unexpected argument: device='cpu'"]),
        ("Dropout(1.0)", &["p of", "from 0 to below 1"]),
        ("LeakyReLU(nan)", &["negative_slope", "nan"]),
        ("BatchNorm1d(8, eps=0)", &["eps", "1e-12"]),
        ("BatchNorm1d(8, affine=False)", &["affine", "must be True"]),
        ("Conv2d(1, 2, (3, 4))", &["kernel_size", "(3, 4)"]),
        ("Conv2d(1, 2, 3, groups=2)", &["groups", "must be 1"]),
        ("ConvTranspose2d(1, 2, 3, output_padding=1)", &["output_padding", "below the stride"]),
        ("Unflatten(128, 7)", &["lacks the argument unflattened_size"]),
        ("Unflatten(1, (7, 7))", &["unflattened_size", "(7, 7)"]),
        ("Tanh(3)", &["unexpected argument: 3"]),
    ] {
        let problem = text.parse::<Layer>().unwrap_err().to_string();
        for word in words {
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}
