//! Explore a model with stateright: its states are the bytes of a compiled library's, whose function
//! `wakeproof_successors` lists the steps. No invariant is checked.
//!
//! Arguments: the library, the initial state in hexadecimal digits, the most steps of a state, the
//! number of threads, and the most seconds (0: no limit). It prints how many states there are.

use std::time::Duration;

use libloading::Library;
use stateright::{Checker, Model, Property};

type Successors = unsafe extern "C" fn(*const u8, *mut u8, *mut u16, *mut u16) -> u32;

struct Generated {
    initial: Vec<u8>,
    branching: usize,
    successors: Successors,
}

impl Model for Generated {
    type State = Vec<u8>;
    /// The state after the step, so that no step is taken twice.
    type Action = Vec<u8>;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.initial.clone()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let cells = state.len();
        let mut states = vec![0u8; cells * self.branching];
        let mut wrong = vec![0u16; self.branching];
        let mut numbers = vec![0u16; self.branching];
        // SAFETY: the library has this function, which writes at most `branching` steps
        let count = unsafe {
            (self.successors)(
                state.as_ptr(),
                states.as_mut_ptr(),
                wrong.as_mut_ptr(),
                numbers.as_mut_ptr(),
            )
        } as usize;
        let steps = states.chunks_exact(cells).zip(&wrong).take(count);
        actions.extend(steps.filter(|(_, &site)| site == 0).map(|(next, _)| next.to_vec()));
    }

    fn next_state(&self, _: &Self::State, action: Self::Action) -> Option<Self::State> {
        Some(action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // without a property that is still open the search would end at once
        vec![Property::always("nothing", |_, _| true)]
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, initial, branching, threads, seconds] = &arguments[..] else {
        panic!("five arguments are needed")
    };
    let digit = |at: usize| u8::from_str_radix(&initial[at..at + 2], 16).expect("hexadecimal digits");
    // SAFETY: the library is one that Wakeproof has compiled
    let library = unsafe { Library::new(library) }.expect("a library");
    let successors = *unsafe { library.get::<Successors>(b"wakeproof_successors") }.expect("its function");
    let model = Generated {
        initial: (0..initial.len()).step_by(2).map(digit).collect(),
        branching: branching.parse().expect("a number"),
        successors,
    };
    let mut checker = model.checker().threads(threads.parse().expect("a number"));
    let most = seconds.parse().expect("a number");
    if most > 0 {
        checker = checker.timeout(Duration::from_secs(most));
    }
    let found = checker.spawn_bfs().join();
    println!("{} states", found.unique_state_count());
}
