//! One job's line to JavaScript: events out, replies in.

use holdall_core::error::Error as CoreError;
use holdall_core::fetch::{Fetch, FolderFetch};
use holdall_core::filling::Ground;
use holdall_core::keyring::Keyring as Ring;
use holdall_core::object::Type;
use holdall_core::sink::{Buffer as Bytes, Outgoing, Packing, Sink, Store};
use napi::bindgen_prelude::{Buffer, BufferSlice, Result, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{sys, Env, Status};
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak};
use std::time::Duration;

/// Every error crosses as `code: message`.
pub fn throw(e: CoreError) -> napi::Error {
    napi::Error::from_reason(format!("{}: {e}", e.code()))
}

/// What a job tells; the last event is `done`.
#[napi(discriminant = "event", discriminant_case = "lowercase", object_from_js = false)]
pub enum JobEvent {
    /// Store these bytes under this name, then `reply`. They are lent until then. `pages`: a pack
    /// that holds pages and no data.
    Put {
        request: f64,
        #[napi(ts_type = "'pack' | 'index'")]
        kind: &'static str,
        pages: bool,
        name: String,
        #[napi(ts_type = "Buffer")]
        bytes: Lent,
    },
    /// The same for a pack that lies in a file, to be read until then.
    Spooled { request: f64, pages: bool, name: String, file: i32, length: f64 },
    /// Read this range of this pack, then `give`. `other`: a transfer's source has it.
    Fetch { request: f64, name: String, offset: f64, length: f64, other: bool },
    /// A batch of rows in MessagePack.
    Rows { bytes: Buffer },
    /// One path could not be handled; the rest goes on.
    Trouble { path: Buffer, message: String },
    /// The result as JSON, or why there is none.
    Done { result: Option<String>, error: Option<String> },
}

impl JobEvent {
    pub fn done(result: std::result::Result<String, CoreError>) -> JobEvent {
        match result {
            Ok(json) => JobEvent::Done { result: Some(json), error: None },
            Err(e) => JobEvent::Done { result: None, error: Some(format!("{}: {e}", e.code())) },
        }
    }
}

/// Bytes that stay Rust's while JavaScript looks at them.
pub struct Lent {
    at: usize,
    length: usize,
}

impl ToNapiValue for Lent {
    unsafe fn to_napi_value(env: sys::napi_env, lent: Lent) -> Result<sys::napi_value> {
        let own = Env::from_raw(env);
        // SAFETY: the bridge holds the bytes until JavaScript replies, and JavaScript does not
        // touch them after that; so there is nothing to free here.
        let slice = unsafe {
            BufferSlice::from_external(&own, lent.at as *mut u8, lent.length, (), |_, ()| {})?
        };
        // SAFETY: `env` is the environment that this conversion was called with.
        unsafe { ToNapiValue::to_napi_value(env, &slice) }
    }
}

/// A function of JavaScript that any thread may call. Weak: the line alone does not keep Node
/// running, whoever waits for the job does.
pub type Callback = ThreadsafeFunction<JobEvent, Unknown<'static>, JobEvent, Status, false, true>;
type Answer = std::result::Result<Vec<u8>, CoreError>;

pub struct Bridge {
    /// None once the job is done: thousands of idle lines would slow every turn of the event loop.
    events: Mutex<Option<Callback>>,
    held: Mutex<HashMap<u64, Bytes>>,
    answers: Mutex<(u64, HashMap<u64, Option<Answer>>)>,
    answered: Condvar,
    pub cancelled: AtomicBool,
    pub sink: OnceLock<Arc<Sink>>,
}

impl Bridge {
    pub fn new(events: Callback) -> Arc<Bridge> {
        Arc::new(Bridge {
            events: Mutex::new(Some(events)),
            held: Mutex::default(),
            answers: Mutex::default(),
            answered: Condvar::new(),
            cancelled: AtomicBool::new(false),
            sink: OnceLock::new(),
        })
    }

    /// Where the packs and runs of this line's one job go.
    pub fn open_sink(
        self: &Arc<Bridge>,
        ring: Arc<Ring>,
        claim: [u8; 16],
        packing: Packing,
    ) -> std::result::Result<Arc<Sink>, CoreError> {
        let sink = Arc::new(Sink::new(ring, claim, Box::new(Puts(Arc::downgrade(self))), packing)?);
        let once = self.sink.set(sink.clone());
        once.map_err(|_| CoreError::Invalid("a job runs once".into()))?;
        match self.cancelled.load(Ordering::SeqCst) {
            true => Err(CoreError::Cancelled),
            false => Ok(sink),
        }
    }

    /// Where packs come from: a local folder, or JavaScript; `other` is what a transfer reads.
    pub fn fetch(self: &Arc<Bridge>, folder: &Option<Vec<u8>>, other: bool) -> Arc<dyn Fetch> {
        match folder {
            Some(root) => Arc::new(FolderFetch::new(root.clone())),
            None => Arc::new(Gets { bridge: self.clone(), other }),
        }
    }

    pub fn send(&self, event: JobEvent) {
        let last = matches!(event, JobEvent::Done { .. });
        if let (true, Some(sink)) = (last, self.sink.get()) {
            sink.release();
        }
        let mut line = self.events.lock().expect("no panic");
        if let Some(line) = &*line {
            line.call(event, ThreadsafeFunctionCallMode::NonBlocking);
        }
        if last {
            *line = None;
        }
    }

    /// The store's answer to a put: the buffer goes back to the sink.
    pub fn reply(&self, request: u64, error: Option<String>) {
        let buffer = self.held.lock().expect("no panic").remove(&request);
        if let Some(sink) = self.sink.get() {
            sink.reply(request, buffer, error.map_or(Ok(()), |m| Err(CoreError::Store(m))));
        }
    }

    /// The store's answer to a fetch.
    pub fn give(&self, request: u64, answer: Answer) {
        self.answers.lock().expect("no panic").1.insert(request, Some(answer));
        self.answered.notify_all();
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(sink) = self.sink.get() {
            sink.cancelled.store(true, Ordering::SeqCst);
        }
        self.answered.notify_all();
    }
}

/// A store's puts, made by JavaScript. The line holds the sink, so this does not hold the line.
struct Puts(Weak<Bridge>);

impl Store for Puts {
    fn put(&self, object: Outgoing) {
        let Some(line) = self.0.upgrade() else { return };
        let Outgoing { request, kind, pages, name, buffer, length } = object;
        let kind = if kind == Type::Pack { "pack" } else { "index" };
        let number = request as f64;
        let put = |at: *const u8| {
            let bytes = Lent { at: at as usize, length };
            JobEvent::Put { request: number, kind, pages, name: name.clone(), bytes }
        };
        let event = match &buffer {
            Bytes::Record(bytes) => put(bytes.as_ptr()),
            Bytes::Pack(Ground::Memory(slot)) => put(slot.as_ptr()),
            Bytes::Pack(Ground::Disk(spool)) => {
                let (file, length) = (spool.handle(), length as f64);
                JobEvent::Spooled { request: number, pages, name: name.clone(), file, length }
            }
        };
        line.held.lock().expect("no panic").insert(request, buffer);
        line.send(event);
    }
}

/// A store's gets, made by JavaScript; the asking thread waits.
pub struct Gets {
    pub bridge: Arc<Bridge>,
    /// The store is that of a transfer's source.
    pub other: bool,
}

impl Fetch for Gets {
    fn fetch(&self, pack: &str, offset: u64, out: &mut [u8]) -> std::result::Result<(), CoreError> {
        let length = out.len() as f64;
        let mut answers = self.bridge.answers.lock().expect("no panic");
        let request = answers.0;
        answers.0 += 1;
        answers.1.insert(request, None);
        let name = pack.into();
        let (request_id, offset, other) = (request as f64, offset as f64, self.other);
        self.bridge.send(JobEvent::Fetch { request: request_id, name, offset, length, other });
        loop {
            if let Some(Some(_)) = answers.1.get(&request) {
                let bytes = answers.1.remove(&request).flatten().expect("just seen")?;
                if bytes.len() != out.len() {
                    return Err(CoreError::Damaged(format!("pack {pack} is cut short")));
                }
                out.copy_from_slice(&bytes);
                return Ok(());
            }
            if self.bridge.cancelled.load(Ordering::SeqCst) {
                return Err(CoreError::Cancelled);
            }
            let pause = Duration::from_millis(200);
            answers = self.bridge.answered.wait_timeout(answers, pause).expect("no panic").0;
        }
    }

    fn far(&self) -> bool {
        true
    }
}
