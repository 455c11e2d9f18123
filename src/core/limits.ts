/**
 * Every bound that is not a setting, by name. Nothing in a node grows without one of these or a setting
 * above it.
 */

/** Payload of one message of a stream. */
export const MESSAGE_BYTES_LIMIT = 1024 * 1024;
/** One record batch, header included; it travels and is logged as one piece. */
export const BATCH_BYTES_LIMIT = 4 * 1024 * 1024;
export const BATCH_MESSAGES_LIMIT = 65_536;

export const KEY_BYTES_LIMIT = 1024;
export const VALUE_BYTES_LIMIT = 1024 * 1024;
/** All keys and values together: the control group's state lives in memory and in every snapshot. */
export const KEY_VALUE_BYTES_LIMIT = 256 * 1024 * 1024;
export const LIST_ENTRIES_LIMIT = 10_000;
/** Keys and values of one answer to a list, unless one entry alone is larger: a message of gRPC carries it. */
export const LIST_BYTES_LIMIT = 2 * 1024 * 1024;

export const NAME_CHARACTERS_LIMIT = 63;
export const STREAM_NAME_BYTES_LIMIT = 255;
export const MEMBERS_LIMIT = 1000;
/** Of the control group, unless a node's setting says otherwise. */
export const VOTERS_LIMIT = 5;
/** Members of the control group that listen so as to vote soon; everyone else who does not vote observes. */
export const LEARNERS_LIMIT = 2;
export const ADDRESSES_PER_MEMBER_LIMIT = 8;
export const INVITATIONS_LIMIT = 1000;

export const STREAMS_LIMIT = 10_000;
/** Names of dropped streams that are remembered. */
export const TOMBSTONES_LIMIT = 1000;
/** Replicated state machines of users. */
export const MACHINES_LIMIT = 1000;
export const STREAM_MEMBERS_LIMIT = 10;
export const PRODUCERS_PER_STREAM_LIMIT = 10_000;
export const SUBSCRIPTIONS_PER_STREAM_LIMIT = 1000;
/** Ranges of (sequence, offset) remembered per producer to answer duplicates with their offset. */
export const PRODUCER_RANGES_LIMIT = 16;

/** Batches of one stream that wait in a node's outbox, and their bytes. */
export const OUTBOX_BATCHES_LIMIT = 4096;
export const OUTBOX_BYTES_LIMIT = 64 * 1024 * 1024;
/** Bytes of outbox batches that are under way to a leader and not yet applied. */
export const OUTBOX_INFLIGHT_BYTES_LIMIT = 8 * 1024 * 1024;
/** Bytes of batches pushed to one subscriber and not given back, whatever credit it asks for. */
export const SUBSCRIBER_CREDIT_BYTES_LIMIT = 16 * 1024 * 1024;
export const SUBSCRIBERS_LIMIT = 1000;
/** Separate ranges acknowledged out of order by one subscriber. */
export const ACK_RANGES_LIMIT = 1024;

/** Calls that wait for their outcome at one node. */
export const PENDING_CALLS_LIMIT = 10_000;
export const WATCHES_LIMIT = 1000;
/** Backups that are taken at one node at a time: each holds the log that it reads. */
export const BACKUPS_LIMIT = 2;
/** Entries applied to one group in one turn, so that a long replay does not hold the other groups up. */
export const APPLY_ENTRIES_PER_TURN = 512;
/** Chunks of one snapshot under way to one member. */
export const SNAPSHOT_WINDOW_CHUNKS = 8;
/** Bytes of one disk read that serves appends, applies or deliveries. */
export const LOAD_BYTES_LIMIT = 1024 * 1024;

/** Damaged entries that a node keeps in mind at a time; others are found again when they are read. */
export const DAMAGED_ENTRIES_LIMIT = 100_000;
/** Damaged entries that a node asks other members for at a time. */
export const REPAIR_REQUESTS_LIMIT = 8;
/** Entries that a node reads from its disk for other members' repair at a time; others ask again. */
export const REPAIR_ANSWERS_LIMIT = 64;
/** Snapshots that a node reads for other members' repair at a time. */
export const SNAPSHOT_ANSWERS_LIMIT = 2;
/** A larger state is not sent for repair: one message carries it. */
export const SNAPSHOT_STATE_SENT_BYTES_LIMIT = 512 * 1024 * 1024;
