/** An order is paid: what other services hear of it. */
export type PaymentCompleted = {
  eventType: 'PAYMENT_COMPLETED';
  eventId: string;
  timestamp: string;
  data: { orderId: string; paymentId: string; paymentStatus: 'completed'; amount: number; currency: string; processedAt: string };
};
