use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::wire::Frame;
use super::*;

pub const VERSION: &str = "1.0 (build 7)";
/// Long enough for a busy machine; tests that wait for a limit set a short one.
pub const PATIENT: Limits =
    Limits { join: Duration::from_secs(60), silence: Duration::from_secs(60) };

/// Rank 0's listener on a free port, and the places of all ranks.
pub fn places(size: usize) -> (TcpListener, Vec<Place>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = ("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
    let place = |rank| {
        let launcher = Launcher::Flags;
        Place { rank, size, local_rank: rank, address: address.clone(), launcher }
    };
    (listener, (0..size).map(place).collect())
}

pub type Met = Result<Group, GroupError>;

/// Starts rank 0.
pub fn host(listener: TcpListener, size: usize, limits: Limits) -> JoinHandle<Met> {
    thread::spawn(move || Group::host(size, VERSION, limits, vec![listener]))
}

/// Starts another rank.
pub fn join(place: &Place, limits: Limits) -> JoinHandle<Met> {
    let place = place.clone();
    thread::spawn(move || Group::meet(&place, VERSION, limits))
}

/// A rank that has joined, and then does nothing.
pub fn silent(place: &Place) -> TcpStream {
    join::join(place, VERSION, PATIENT.join).unwrap()
}

/// All that comes until the other side closes the connection.
pub fn frames(mut stream: TcpStream) -> Vec<Frame> {
    stream.set_read_timeout(Some(PATIENT.silence)).unwrap();
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).unwrap();
    let mut bytes = &bytes[..];
    std::iter::from_fn(|| Frame::read(&mut bytes, MAX_PAYLOAD).ok()).collect()
}

fn groups_at(size: usize, limits: Limits) -> (Vec<Group>, Vec<Place>) {
    let (listener, places) = places(size);
    let mut ranks = vec![host(listener, size, limits)];
    // In an order that is not that of the ranks.
    ranks.extend(places[1..].iter().rev().map(|place| join(place, limits)));
    let mut groups: Vec<_> = ranks.into_iter().map(|rank| rank.join().unwrap().unwrap()).collect();
    groups.sort_by_key(Group::rank);
    (groups, places)
}

fn groups(size: usize) -> Vec<Group> {
    groups_at(size, PATIENT).0
}

/// Does the same at all ranks, each in a thread.
pub fn at_all<T: Send>(groups: Vec<Group>, work: impl Fn(Group) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let ranks: Vec<_> =
            groups.into_iter().map(|group| scope.spawn(move || work(group))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// What a rank reports when it waits for the others, after all losses so far.
pub fn message(group: &Group) -> String {
    loop {
        let waited = match group.rank() {
            0 => group.gather(vec![]).map(drop),
            _ => group.broadcast(vec![]).map(drop),
        };
        if let Err(error) = waited {
            assert_eq!(group.lost().map(|lost| lost.to_string()), Some(error.to_string()));
            return error.to_string();
        }
    }
}

pub fn text<T>(result: Result<T, GroupError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn bytes_are_gathered_in_the_order_of_ranks_and_broadcast_to_all() {
    for size in [1, 2, 4] {
        let rounds = at_all(groups(size), |group| {
            for round in 0..200_usize {
                let of = |rank: usize| vec![rank as u8; (round * (rank + 3)) % 50];
                let gathered = group.gather(of(group.rank())).unwrap();
                let expected: Vec<_> = (0..size).map(of).collect();
                let is_first = group.rank() == 0;
                assert_eq!(gathered, if is_first { expected } else { vec![] });
                let own = if is_first { round.to_le_bytes().to_vec() } else { vec![9; 3] };
                assert_eq!(group.broadcast(own).unwrap(), round.to_le_bytes());
            }
            let large = vec![group.rank() as u8; 3 << 20];
            for (rank, bytes) in group.gather(large).unwrap().into_iter().enumerate() {
                assert_eq!(bytes, vec![rank as u8; 3 << 20]);
            }
            assert!(group.lost().is_none());
            let who = (group.rank(), group.size());
            group.leave();
            who
        });
        assert_eq!(rounds, (0..size).map(|rank| (rank, size)).collect::<Vec<_>>());
    }
}

#[test]
fn a_failure_reaches_all_ranks_with_its_reason() {
    for failing in [0, 2] {
        let messages = at_all(groups(4), |group| {
            let (sender, called) = mpsc::channel();
            group.on_loss(move |error| sender.send(error.to_string()).unwrap());
            if group.rank() == failing {
                group.fail("no space left\non /data");
                // Its own action is dropped without a call.
                let own = (message(&group), group.lost().is_some());
                drop(group);
                assert!(called.recv().is_err());
                return own.0;
            }
            let text = message(&group);
            assert_eq!(called.recv().unwrap(), text);
            assert!(called.recv().is_err(), "called once");
            // Also if it has happened already.
            let (sender, called) = mpsc::channel();
            group.on_loss(move |error| sender.send(error.to_string()).unwrap());
            assert_eq!(called.recv().unwrap(), text);
            text
        });
        let expected = format!("rank {failing} failed: no space left\non /data");
        assert_eq!(messages, vec![expected; 4]);
    }
}

#[test]
fn a_group_that_is_dropped_has_failed() {
    for dropped in [0, 1] {
        let messages =
            at_all(groups(3), |group| (group.rank() != dropped).then(|| message(&group)));
        for (rank, message) in messages.into_iter().enumerate() {
            let expected = format!("rank {dropped} failed: it ended early");
            assert_eq!(message, (rank != dropped).then_some(expected));
        }
    }
}

#[test]
fn a_closed_connection_is_a_loss_for_all() {
    let messages = at_all(groups(3), |group| {
        if group.rank() == 2 {
            group.members.cut();
        }
        message(&group)
    });
    let of_others = "rank 2 is lost: its connection was closed";
    assert_eq!(messages, [of_others, of_others, "rank 0 is lost: its connection was closed"]);
}

#[test]
fn a_silent_rank_is_lost_for_all() {
    let limits = Limits { silence: Duration::from_millis(1200), ..PATIENT };
    let (listener, places) = places(3);
    let ranks = [host(listener, 3, limits), join(&places[1], limits)];
    let silent = silent(&places[2]);
    let groups = ranks.map(|rank| rank.join().unwrap());
    let messages = groups.into_iter().map(|group| match group {
        Ok(group) => thread::spawn(move || message(&group)).join().unwrap(),
        Err(error) => error.to_string(),
    });
    let expected = "rank 2 is lost: it has been silent for 1.2 s";
    assert_eq!(messages.collect::<Vec<_>>(), [expected; 2]);
    // It is told, too.
    let how = Loss::Silent(limits.silence);
    let news = |frame: &Frame| matches!(frame, Frame::Lost { rank: 2, how: h } if *h == how);
    let frames = frames(silent);
    assert!(frames.iter().any(news));
    // Meanwhile rank 0 gave signs of life, as did rank 1, which is not lost.
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Alive)));
}

#[test]
fn a_silent_rank_0_is_lost() {
    let (listener, places) = places(2);
    let limits = Limits { silence: Duration::from_millis(300), ..PATIENT };
    let rank = join(&places[1], limits);
    let (mut stream, _) = listener.accept().unwrap();
    wire::read_preamble(&mut stream).unwrap();
    assert!(matches!(Frame::read(&mut stream, 100), Ok(Frame::Join { rank: 1, size: 2, .. })));
    wire::write_preamble(&mut stream).unwrap();
    Frame::Welcome.write(&mut stream).unwrap();
    Frame::Start.write(&mut stream).unwrap();
    let lost = rank.join().unwrap().map_or_else(|error| error.to_string(), |group| message(&group));
    assert_eq!(lost, "rank 0 is lost: it has been silent for 0.3 s");
    assert!(frames(stream).iter().any(|frame| matches!(frame, Frame::Alive)));
}

#[test]
fn ranks_leave_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let begin = Instant::now();
        at_all(groups(3), |group| {
            let (sender, called) = mpsc::channel();
            group.on_loss(move |error| sender.send(error.to_string()).unwrap());
            thread::sleep(Duration::from_millis(30) * order[group.rank()]);
            assert!(group.lost().is_none());
            let members = Arc::clone(&group.members);
            group.leave();
            assert!(members.loss().is_none());
            drop(members);
            assert!(called.recv().is_err(), "no loss");
        });
        assert!(begin.elapsed() < LEAVE, "waited in vain");
    }
}

#[test]
fn a_rank_that_leaves_too_early_keeps_nobody_waiting() {
    let messages = at_all(groups(3), |group| {
        if group.rank() == 1 {
            group.leave();
            return String::new();
        }
        message(&group)
    });
    let expected = "rank 1 is lost: it left before the others";
    assert_eq!(messages, [expected, "", expected]);
}

#[test]
fn messages_that_are_too_large_are_errors() {
    let groups = groups(2);
    let error = text(groups[1].gather(vec![0; MAX_PAYLOAD + 1]));
    assert_eq!(error, "a message of 256.00 MiB to other ranks, more than 256.00 MiB");
    drop(groups);

    let (listener, places) = places(2);
    let first = host(listener, 2, PATIENT);
    silent(&places[1]).write_all(&[5, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let text = first.join().unwrap().map_or_else(|error| error.to_string(), |g| message(&g));
    assert!(text.starts_with("rank 1 is lost: it "), "{text}");
}
