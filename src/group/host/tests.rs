//! The meeting of all ranks.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use super::*;
use crate::group::tests::{
    PATIENT, VERSION, at_all, frames, host, join, message, places, silent, text,
};
use crate::group::{Group, Limits, Place};
use crate::text::with_causes;

#[test]
fn a_rank_that_is_started_twice_is_refused_before_and_after_the_start() {
    let (listener, places) = places(3);
    let first = host(listener, 3, PATIENT);
    let second = silent(&places[1]);
    let refused = "rank 1 has joined already; it was started twice";
    assert_eq!(text(Group::meet(&places[1], VERSION, PATIENT)), refused);
    let groups = [first, join(&places[2], PATIENT)].map(|rank| rank.join().unwrap().unwrap());

    assert_eq!(text(Group::meet(&places[1], VERSION, PATIENT)), refused);
    let two = Place { size: 2, ..places[1].clone() };
    assert_eq!(text(Group::meet(&two, VERSION, PATIENT)), "rank 1 counts 2 ranks, rank 0 counts 3");
    assert_eq!(
        text(Group::meet(&places[2], "2.0", PATIENT)),
        "rank 2 is gan-cuda 2.0, rank 0 is 1.0 (build 7)"
    );
    assert!(groups.iter().all(|group| group.lost().is_none()));
    assert_eq!(groups[0].broadcast(vec![1]).unwrap(), [1]);
    assert_eq!(groups[1].broadcast(vec![]).unwrap(), [1]);
    drop(second);
    let expected = "rank 1 is lost: its connection was closed";
    assert_eq!(groups.map(|group| message(&group)), [expected; 2]);
}

#[test]
fn another_version_or_number_of_ranks_is_the_end_on_both_sides() {
    let cases = [
        (4, "1.0 (build 8)", "rank 2 is gan-cuda 1.0 (build 8), rank 0 is 1.0 (build 7)"),
        (8, VERSION, "rank 2 counts 8 ranks, rank 0 counts 4"),
    ];
    for (size, version, expected) in cases {
        let (listener, places) = places(4);
        let first = host(listener, 4, PATIENT);
        let joined = silent(&places[1]);
        let joined = thread::spawn(move || frames(joined));
        let other = Place { size, ..places[2].clone() };
        assert_eq!(text(Group::meet(&other, version, PATIENT)), expected);
        assert_eq!(text(first.join().unwrap()), expected);
        // The rank that fits is told why there is no run.
        let told = joined.join().unwrap();
        let news = |frame: &&Frame| matches!(frame, Frame::Failed { rank: 0, .. });
        let news = format!("{:?}", told.iter().find(news));
        assert!(news.contains(expected), "{news}");
    }
}

#[test]
fn another_protocol_is_the_end_on_both_sides() {
    let (listener, places) = places(2);
    let first = host(listener, 2, PATIENT);
    let mut stream = TcpStream::connect(("127.0.0.1", places[0].address.1)).unwrap();
    stream.write_all(b"gan-cuda\x07\0\0\0 what follows is not read").unwrap();
    assert_eq!(wire::read_preamble(&mut stream).unwrap(), Some(wire::PROTOCOL));
    let other = "another version of gan-cuda: it speaks protocol 7 instead of 1";
    assert_eq!(text(first.join().unwrap()), format!("a rank at 127.0.0.1 is {other}"));

    let (listener, places) = self::places(2);
    let rank = join(&places[1], PATIENT);
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"gan-cuda\x07\0\0\0").unwrap();
    assert_eq!(text(rank.join().unwrap()), format!("rank 0 is {other}"));
}

#[test]
fn whatever_else_connects_delays_nobody() {
    let (listener, places) = places(2);
    let connect = || TcpStream::connect(("127.0.0.1", places[0].address.1)).unwrap();
    let say = |bytes: &[u8]| {
        let mut stream = connect();
        stream.write_all(bytes).unwrap();
        stream
    };
    let first = host(listener, 2, PATIENT);
    let begin = Instant::now();
    let others = [
        connect(),
        say(b"GET / HTTP/1.1\r\n\r\n"),
        say(b"gan-"),
        // The right beginning, then too large a frame, then one of the wrong kind.
        say(b"gan-cuda\x01\0\0\0\x01\xff\xff\xff\xff"),
        say(b"gan-cuda\x01\0\0\0\x04\0\0\0\0"),
    ];
    connect().shutdown(Shutdown::Both).unwrap();
    let second = join(&places[1], PATIENT);
    let groups = [first, second].map(|rank| rank.join().unwrap().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(9), "waited for a time limit");
    drop(others);
    assert!(groups.iter().all(|group| group.lost().is_none()));
    at_all(groups.into(), Group::leave);
}

#[test]
fn missing_ranks_are_listed() {
    let (listener, places) = places(4);
    let limits = Limits { join: Duration::from_millis(300), ..PATIENT };
    let second = join(&places[1], PATIENT);
    let first = Group::host(4, VERSION, limits, vec![listener]);
    // On a very busy machine not even rank 1 joins in time.
    let text = text(first);
    let expected =
        ["ranks 2 and 3 did not join within 0.3 s", "ranks 1, 2 and 3 did not join within 0.3 s"];
    assert!(expected.contains(&text.as_str()), "{text}");
    if text == expected[0] {
        let error = second.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), format!("rank 0 failed: {text}"));
    }
}

#[test]
fn a_rank_that_comes_after_a_loss_is_told() {
    let (listener, places) = places(3);
    let members = Members::new(0, 3, PATIENT);
    let _door = Door::open(&members, VERSION, vec![listener]).unwrap();
    let loss = GroupError::Failed { rank: 2, reason: "out of memory".to_owned() };
    members.lose(loss);
    assert_eq!(text(Group::meet(&places[1], VERSION, PATIENT)), "rank 2 failed: out of memory");
}

#[test]
fn a_rank_that_finds_no_rank_0_says_what_it_found() {
    let limits = Limits { join: Duration::from_millis(200), ..PATIENT };
    let (listener, places) = places(2);
    let port = places[0].address.1;
    let unreachable = format!("rank 0 cannot be reached at 127.0.0.1:{port} within 0.2 s");

    // Something that accepts connections and says nothing, as torchrun's store does.
    let error = Group::meet(&places[1], VERSION, limits).unwrap_err();
    assert_eq!(error.to_string(), unreachable);
    let causes = with_causes(&error);
    assert!(causes.contains("does not answer like gan-cuda"), "{causes}");

    let server = thread::spawn(move || {
        // The first connection is that of the attempt above.
        for mut stream in listener.incoming().take(2).map(Result::unwrap) {
            stream.read_exact(&mut [0; 12]).unwrap();
            let answered = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            // Until the other side has enough of it.
            let _ = answered.and_then(|()| stream.read_to_end(&mut vec![]));
        }
    });
    let foreign =
        format!("something other than gan-cuda listens on 127.0.0.1:{port}, where rank 0 should");
    assert_eq!(text(Group::meet(&places[1], VERSION, PATIENT)), foreign);
    server.join().unwrap();

    assert_eq!(text(Group::meet(&places[1], VERSION, limits)), unreachable);
    let nowhere = Place { address: ("host.invalid".to_owned(), 1), ..places[1].clone() };
    let limits = Limits { join: Duration::ZERO, ..limits };
    let text = text(Group::meet(&nowhere, VERSION, limits));
    assert_eq!(text, "rank 0 cannot be reached at host.invalid:1 within 0 s");
}

#[test]
fn rank_0_listens_on_all_interfaces_except_for_a_loopback_address() {
    let addresses = |host: &str| {
        let listeners = listen(&(host.to_owned(), 0)).unwrap();
        listeners.iter().map(|l| l.local_addr().unwrap().ip()).collect::<Vec<_>>()
    };
    assert!(addresses("node01.cluster").iter().all(|address| address.is_unspecified()));
    for host in ["localhost", "127.0.0.1"] {
        assert!(addresses(host).iter().all(|address| address.is_loopback()), "{host}");
    }
    // The port is in use.
    let listeners = listen(&("127.0.0.1".to_owned(), 0)).unwrap();
    let port = listeners[0].local_addr().unwrap().port();
    for host in ["127.0.0.1", "node01"] {
        let error = listen(&(host.to_owned(), port)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen for other ranks on {host}:{port}")));
        assert!(error.contains("MASTER_PORT (or --master-port)"), "{error}");
    }
}

#[test]
fn ranks_meet_at_an_address() {
    // Another program may take the port that was free.
    for _ in 0..5 {
        let (listener, places) = places(2);
        drop(listener);
        let ranks = places
            .clone()
            .into_iter()
            .map(|place| Place { address: ("localhost".to_owned(), place.address.1), ..place });
        let limits = Limits { join: Duration::from_secs(2), ..PATIENT };
        let ranks: Vec<_> = ranks.map(|place| join(&place, limits)).collect();
        let groups: Result<Vec<_>, _> =
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect();
        if let Ok(groups) = groups {
            at_all(groups, Group::leave);
            return;
        }
    }
    panic!("no port was free");
}
