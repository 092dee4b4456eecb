//! The numbers that a call draws: they depend on its name and the seed alone, and are the same in every
//! programming language.

use siphasher::sip128::SipHasher24;

/// Everything on which a draw depends.
#[derive(Debug, Clone, Copy)]
pub struct DrawKey<'a> {
    /// The server's seed.
    pub seed: u64,
    /// The name of the call.
    pub name: CallName<'a>,
    /// Which attempt of the call it is, counted from 1.
    pub attempt: u32,
    /// Which message of the call it is, counted from 0.
    pub index: u64,
}

/// The name of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallName<'a> {
    /// Its call id.
    Id(&'a str),
    /// A call without an id is named by the number of its connection in accept order and the number of its
    /// request on that connection, both counted from 0.
    Numbers {
        /// The number of the connection.
        connection: u64,
        /// The number of the request.
        request: u64,
    },
}

/// The second half of the hash's key for the draws of a call or message.
const OF_CALL: u64 = 0;
const OF_ENVOY: u64 = 2;
const OF_ENVOY_THROUGHPUT: u64 = 3;

impl DrawKey<'_> {
    /// The number between 0 and 1, both excluded, that draws the delay.
    pub(crate) fn delay(&self) -> f64 {
        uniform(self.halves(OF_CALL)[0])
    }

    /// The numbers that draw the delay and the fault.
    pub(crate) fn delay_and_fault(&self) -> [f64; 2] {
        self.halves(OF_CALL).map(uniform)
    }

    /// The numbers that draw Envoy's delay and its abort.
    pub(crate) fn envoy(&self) -> [f64; 2] {
        self.halves(OF_ENVOY).map(uniform)
    }

    /// The number that draws whether Envoy's throughput applies.
    pub(crate) fn envoy_throughput(&self) -> f64 {
        uniform(self.halves(OF_ENVOY_THROUGHPUT)[0])
    }

    /// The two halves of SipHash-2-4 with 128 bits, keyed by the seed and by the kind of draw.
    fn halves(&self, drawn: u64) -> [u64; 2] {
        let hasher = SipHasher24::new_with_keys(self.seed, drawn);
        let hash = match self.name {
            CallName::Id(id) => hasher.hash(self.input_of_id(id).bytes()),
            CallName::Numbers { connection, request } => {
                hasher.hash(&self.input_of_numbers(connection, request))
            }
        };
        [hash.h1, hash.h2]
    }

    /// What is hashed. The name of a rule comes first: there are no rules yet.
    fn input_of_id(&self, id: &str) -> HashInput {
        let mut input = HashInput::default();
        input.name(&[]);
        input.name(id.as_bytes());
        input.put(&self.attempt.to_le_bytes());
        input.put(&self.index.to_le_bytes());
        input
    }

    /// The same for a call without an id, which most calls are: all lengths are known, and so are all places.
    fn input_of_numbers(&self, connection: u64, request: u64) -> [u8; 37] {
        const NAME_BYTES: u8 = 17;
        let mut input = [0; 37];
        input[4] = NAME_BYTES;
        // The name begins with a zero.
        input[9..17].copy_from_slice(&connection.to_le_bytes());
        input[17..25].copy_from_slice(&request.to_le_bytes());
        input[25..29].copy_from_slice(&self.attempt.to_le_bytes());
        input[29..].copy_from_slice(&self.index.to_le_bytes());
        input
    }
}

/// The middle of one of 2^52 equal parts of the unit interval, which binary64 holds exactly.
#[expect(clippy::cast_precision_loss, reason = "52 bits are exact")]
pub(crate) fn uniform(half: u64) -> f64 {
    const PARTS: f64 = (1_u64 << 52) as f64;
    ((half >> 12) as f64 + 0.5) / PARTS
}

/// The input of the hash. Hashing it in one go costs half as much as piece by piece.
struct HashInput {
    short: [u8; Self::SHORT],
    bytes: usize,
    long: Vec<u8>,
}

impl Default for HashInput {
    fn default() -> Self {
        Self { short: [0; Self::SHORT], bytes: 0, long: Vec::new() }
    }
}

impl HashInput {
    /// Room for the longest call id that a server accepts, and the fields around it.
    const SHORT: usize = 256 + 24;

    /// Appends a name, preceded by its length.
    fn name(&mut self, name: &[u8]) {
        // No name is as long as 4 GiB, because no message is.
        self.put(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.put(name);
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.bytes + bytes.len();
        let short = self.short.get_mut(self.bytes..end).filter(|_| self.long.is_empty());
        if let Some(place) = short {
            place.copy_from_slice(bytes);
        } else {
            if self.long.is_empty() {
                self.long.extend_from_slice(&self.short[..self.bytes]);
            }
            self.long.extend_from_slice(bytes);
        }
        self.bytes = end;
    }

    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.bytes] } else { &self.long }
    }
}
