/**
 * How a relay makes itself known to a feed, which then spares it the limits of clients. Only our own objects set it: the
 * routes take it out of what clients send.
 */
export const ROLE_HEADER = 'x-zvt-role'
export const RELAY_ROLE = 'relay'
