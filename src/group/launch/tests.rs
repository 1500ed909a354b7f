use super::*;

const TORCHRUN: [(&str, &str); 5] = [
    ("RANK", "5"),
    ("WORLD_SIZE", "8"),
    ("LOCAL_RANK", "1"),
    ("MASTER_ADDR", "node01"),
    ("MASTER_PORT", "29500"),
];
const SLURM: [(&str, &str); 6] = [
    ("SLURM_PROCID", "3"),
    ("SLURM_STEP_NODELIST", "gpu[07-09]"),
    ("SLURM_STEP_NUM_TASKS", "6"),
    ("SLURM_LOCALID", "1"),
    ("SLURM_JOB_ID", "4711"),
    ("SLURM_STEP_ID", "0"),
];
const OPEN_MPI: [(&str, &str); 5] = [
    ("OMPI_COMM_WORLD_RANK", "2"),
    ("OMPI_COMM_WORLD_SIZE", "4"),
    ("OMPI_COMM_WORLD_LOCAL_RANK", "2"),
    ("OMPI_COMM_WORLD_LOCAL_SIZE", "4"),
    ("PMIX_NAMESPACE", "prterun-host-99@1"),
];

type Variables<'a> = &'a [(&'a str, &'a str)];

fn find(given: &Given, variables: &[Variables]) -> Result<Option<Place>, LaunchProblem> {
    // A later variable replaces an earlier one, and an empty one removes it.
    let all: Vec<_> = variables.concat();
    Place::find(given, &|name| {
        all.iter().rev().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn place(given: &Given, variables: &[Variables]) -> Place {
    find(given, variables).unwrap().expect("a place")
}

#[track_caller]
fn problem(given: &Given, variables: &[Variables]) -> String {
    find(given, variables).unwrap_err().to_string()
}

fn port_of(variables: &[Variables]) -> u16 {
    place(&Given::default(), variables).address.1
}

#[test]
fn without_launcher_and_flags_there_is_one_process() {
    let none = Given::default();
    assert_eq!(find(&none, &[]), Ok(None));
    // A server for something else.
    assert_eq!(find(&none, &[&[("MASTER_ADDR", "node01"), ("MASTER_PORT", "1")]]), Ok(None));
    // A batch script of Slurm that does not call srun.
    let batch = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "8"), ("SLURM_JOB_ID", "1")];
    assert_eq!(find(&none, &[&batch]), Ok(None));
    assert_eq!(find(&none, &[&[("RANK", ""), ("WORLD_SIZE", " ")]]), Ok(None));
}

#[test]
fn torchrun_sets_everything_and_listens_on_its_port_itself() {
    let place = place(&Given::default(), &[&TORCHRUN]);
    let address = ("node01".to_owned(), 29501);
    let launcher = Launcher::Torchrun;
    assert_eq!(place, Place { rank: 5, size: 8, local_rank: 1, address, launcher });
    assert_eq!(port_of(&[&TORCHRUN, &[("MASTER_PORT", "65535")]]), 65534);
}

#[test]
fn slurm_names_the_hosts_of_a_step() {
    let found = place(&Given::default(), &[&SLURM]);
    let address = ("gpu07".to_owned(), found.address.1);
    let launcher = Launcher::Slurm;
    assert_eq!(found, Place { rank: 3, size: 6, local_rank: 1, address, launcher });

    let older = [("SLURM_STEP_NUM_TASKS", ""), ("SLURM_NTASKS", "12")];
    assert_eq!(place(&Given::default(), &[&SLURM, &older]).size, 12);
    let address = [("MASTER_ADDR", "gpu09"), ("MASTER_PORT", "1234")];
    let named = place(&Given::default(), &[&SLURM, &address]);
    assert_eq!(named.address, ("gpu09".to_owned(), 1234));
}

#[test]
fn open_mpi_tells_the_address_only_if_all_ranks_are_on_this_host() {
    let found = place(&Given::default(), &[&OPEN_MPI]);
    let address = ("127.0.0.1".to_owned(), found.address.1);
    let launcher = Launcher::OpenMpi;
    assert_eq!(found, Place { rank: 2, size: 4, local_rank: 2, address, launcher });

    for local_size in ["2", "", "x"] {
        let elsewhere: Variables = &[("OMPI_COMM_WORLD_LOCAL_SIZE", local_size)];
        let text = problem(&Given::default(), &[&OPEN_MPI, elsewhere]);
        assert!(text.contains("--master-addr") && text.contains("-x MASTER_ADDR=HOST"), "{text}");
        let named = [("MASTER_ADDR", "node5"), ("MASTER_PORT", "77")];
        let place = place(&Given::default(), &[&OPEN_MPI, elsewhere, &named]);
        assert_eq!(place.address, ("node5".to_owned(), 77));
    }
}

#[test]
fn jobs_have_ports_of_their_own() {
    let of_slurm =
        |job, step| port_of(&[&SLURM, &[("SLURM_JOB_ID", job), ("SLURM_STEP_ID", step)]]);
    let of_mpi = |name, job| port_of(&[&OPEN_MPI, &[("PMIX_NAMESPACE", ""), (name, job)]]);
    let ports = [
        of_slurm("4711", "0"),
        of_slurm("4711", "1"),
        of_slurm("4712", "0"),
        of_mpi("PMIX_NAMESPACE", "prterun-host-99@1"),
        of_mpi("PMIX_NAMESPACE", "prterun-host-100@1"),
        of_mpi("OMPI_MCA_ess_base_jobid", "3141"),
        of_mpi("OMPI_MCA_orte_ess_jobid", "2718"),
    ];
    for (index, port) in ports.iter().enumerate() {
        assert!((20000..29000).contains(port), "{port}");
        assert!(!ports[..index].contains(port), "{ports:?}");
    }
    // The hash is the same on every machine.
    assert_eq!(ports[0], of_slurm("4711", "0"));
    assert_eq!(of_mpi("OTHER", "x"), DEFAULT_PORT);
}

#[test]
fn flags_suffice_without_a_launcher() {
    let two = Given { rank: Some(1), world_size: Some(2), ..Given::default() };
    let address = ("127.0.0.1".to_owned(), 29600);
    let launcher = Launcher::Flags;
    let expected = Place { rank: 1, size: 2, local_rank: 1, address, launcher };
    assert_eq!(place(&two, &[]), expected);

    let all = Given {
        local_rank: Some(0),
        master_addr: Some("[fe80::1]".to_owned()),
        master_port: Some(5),
        ..two
    };
    let address = ("fe80::1".to_owned(), 5);
    assert_eq!(place(&all, &[]), Place { local_rank: 0, address, ..expected });

    let alone = Given { rank: Some(0), world_size: Some(1), ..Given::default() };
    assert_eq!(place(&alone, &[]).size, 1);
}

#[test]
fn flags_replace_single_values_of_a_launcher() {
    let given = Given {
        rank: Some(0),
        world_size: Some(3),
        local_rank: Some(2),
        master_addr: Some("localhost".to_owned()),
        master_port: Some(4000),
    };
    for variables in [&TORCHRUN[..], &SLURM, &OPEN_MPI] {
        let place = place(&given, &[variables]);
        assert_eq!((place.rank, place.size, place.local_rank), (0, 3, 2));
        // Also with torchrun exactly the given port.
        assert_eq!(place.address, ("localhost".to_owned(), 4000));
        assert_ne!(place.launcher, Launcher::Flags);
    }
    let incomplete: Variables = &[("RANK", "1"), ("WORLD_SIZE", "2")];
    assert_eq!(place(&given, &[incomplete]).launcher, Launcher::Torchrun);
    let given = Given { rank: None, ..given };
    assert_eq!(place(&given, &[incomplete]).rank, 1);
}

#[test]
fn an_inner_launcher_goes_before_an_outer_one() {
    let launcher = |variables: &[Variables]| place(&Given::default(), variables).launcher;
    assert_eq!(launcher(&[&SLURM, &OPEN_MPI, &TORCHRUN]), Launcher::Torchrun);
    assert_eq!(launcher(&[&TORCHRUN, &SLURM]), Launcher::Torchrun);
    assert_eq!(launcher(&[&SLURM, &OPEN_MPI]), Launcher::OpenMpi);
    assert_eq!(launcher(&[&SLURM]), Launcher::Slurm);
}

#[test]
fn missing_variables_are_named_with_the_flag_that_replaces_them() {
    let launchers = [(&TORCHRUN[..], "torchrun"), (&SLURM, "Slurm"), (&OPEN_MPI, "Open MPI")];
    let cases = [
        (0, "RANK", "--rank"),
        (0, "WORLD_SIZE", "--world-size"),
        (0, "LOCAL_RANK", "--local-rank"),
        (0, "MASTER_ADDR", "--master-addr"),
        (0, "MASTER_PORT", "--master-port"),
        (1, "SLURM_STEP_NUM_TASKS", "--world-size"),
        (1, "SLURM_LOCALID", "--local-rank"),
        (2, "OMPI_COMM_WORLD_RANK", "--rank"),
        (2, "OMPI_COMM_WORLD_SIZE", "--world-size"),
        (2, "OMPI_COMM_WORLD_LOCAL_RANK", "--local-rank"),
    ];
    for (launcher, name, flag) in cases {
        let (variables, launcher) = launchers[launcher];
        let text = problem(&Given::default(), &[variables, &[(name, "")]]);
        let expected = format!(
            "{name} is not set, but other variables of {launcher} are: set it, or pass {flag}"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn flags_without_a_launcher_are_needed_in_pairs() {
    let rank = Given { rank: Some(0), ..Given::default() };
    assert!(problem(&rank, &[]).starts_with("--world-size is missing"));
    let size = Given { world_size: Some(2), ..Given::default() };
    assert!(problem(&size, &[]).starts_with("--rank is missing"));
    let port = Given { master_port: Some(1), ..Given::default() };
    assert!(problem(&port, &[]).starts_with("--rank is missing"));
}

#[test]
fn values_that_make_no_sense_are_named() {
    let torchrun = |name, value| problem(&Given::default(), &[&TORCHRUN, &[(name, value)]]);
    assert_eq!(torchrun("RANK", "two"), "RANK is \"two\", which is not a whole number");
    assert_eq!(torchrun("WORLD_SIZE", "-8"), "WORLD_SIZE is \"-8\", which is not a whole number");
    assert_eq!(torchrun("LOCAL_RANK", "1.5"), "LOCAL_RANK is \"1.5\", which is not a whole number");
    assert_eq!(torchrun("RANK", "8"), "RANK is 8, which is not below the number of ranks, 8");
    assert_eq!(torchrun("WORLD_SIZE", "0"), "WORLD_SIZE is 0: a run has at least one rank");
    for port in ["0", "65536", "http"] {
        let expected = format!("MASTER_PORT is {port:?}, which is not a port from 1 to 65535");
        assert_eq!(torchrun("MASTER_PORT", port), expected);
    }
    let list = problem(&Given::default(), &[&SLURM, &[("SLURM_STEP_NODELIST", "gpu[")]]);
    assert!(list.starts_with("SLURM_STEP_NODELIST is \"gpu[\""), "{list}");

    let given = Given { rank: Some(2), world_size: Some(2), ..Given::default() };
    assert_eq!(problem(&given, &[]), "--rank is 2, which is not below the number of ranks, 2");
    let given = Given { rank: Some(0), world_size: Some(0), ..Given::default() };
    assert_eq!(problem(&given, &[]), "--world-size is 0: a run has at least one rank");
    let given = Given { master_port: Some(0), world_size: Some(2), ..given };
    assert!(problem(&given, &[]).starts_with("--master-port is \"0\""));
}
