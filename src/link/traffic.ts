/** What has passed to and from a peer, session frames included. */
export class Traffic {
  bytesIn = 0;
  bytesOut = 0;
  framesIn = 0;
  framesOut = 0;

  add(other: Traffic): void {
    this.bytesIn += other.bytesIn;
    this.bytesOut += other.bytesOut;
    this.framesIn += other.framesIn;
    this.framesOut += other.framesOut;
  }
}
