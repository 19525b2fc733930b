import RequestQueue from 'kafkajs/src/network/requestQueue';

/**
 * KafkaJS 2.2.4 re-arms its "check pending requests" timer for ever, with a negative delay, on every connection: about 900 wake-ups
 * a second of an idle process. The timer has work to do only while requests are pending, so it is armed only then.
 */
export const tameRequestQueue = (): void => {
  const armTimer = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
    if (this.pending.length > 0) armTimer.call(this);
  };
};
