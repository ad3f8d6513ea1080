// Uses the generated types as a front end would: a line that does not fit them is an error of `make clients`.
import type { components, paths } from "./schema";

type Answer<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

export const starts = (booking: components["schemas"]["BookingView"]): Date => new Date(booking.start_time);
export const names = (tutors: Answer<"/api/tutors">): string[] => tutors.items.map((tutor) => tutor.name);
export const unread = (count: Answer<"/api/messages/unread/count">): number => count.unread_count;
export const subject = (booking: components["schemas"]["BookingView"]): string => booking.subject?.name ?? "none";
export const reason = (problem: components["schemas"]["Problem"]): string => `${problem.code}: ${problem.detail}`;

// @ts-expect-error  there is no such status
export const nonsense: components["schemas"]["BookingView"]["status"] = "LOST";
