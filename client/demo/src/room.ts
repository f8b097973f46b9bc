/**
 * The people on the page and their conversations, as determined by the address of the page.
 *
 * - `?only=merchant` or `?only=customer` shows one of the two people, so that each can have a browser;
 * - `?as=cleo` shows another customer than Ben;
 * - `?room=x` is a separate company with people and conversations of its own, for everybody who uses the same name.
 *
 * @module
 */

/** A person. */
export interface Who {
  id: string;
  name: string;
  role: 'merchant' | 'customer';
  /** The companies in their token. A customer sees only their own conversations of a company. */
  companies: { id: string; role: 'admin' | 'member' | 'customer' }[];
}

/** A customer, and their conversation with the merchant. */
export interface Customer extends Who {
  conversationId: string;
}

/** A company: its merchant, and their customers. */
export interface Room {
  companyId: string;
  merchant: Who;
  customers: Customer[];
  /** The customer whom this page shows, and their conversation. */
  customer: Customer;
  conversationId: string;
  /** The people whom this page shows. */
  shown: Who[];
  /** Whether the story is told here. Rooms with a name begin empty. */
  hasStory: boolean;
}

const CUSTOMERS = ['Ben', 'Cleo', 'Dan'];

/** Reads the room from an address such as `/?room=x&only=customer`. */
export function roomOf({ searchParams }: URL): Room {
  const name = searchParams
    .get('room')
    ?.replaceAll(/[^A-Za-z0-9_-]/g, '')
    .slice(0, 40);
  // Without a name, the ids are those of events/, so that this page shows what `funnelcast-local emit events/...` publishes.
  const id = (prefix: string, sample: string) => (name ? `${prefix}_${name}` : sample);
  const companyId = id('biz', 'biz_1');
  const merchant: Who = {
    id: id('merchant', 'user_1'),
    name: 'Ann',
    role: 'merchant',
    companies: [{ id: companyId, role: 'admin' }],
  };
  const customers = CUSTOMERS.map(
    (customer, at): Customer => ({
      id: id(`customer${at + 1}`, `user_${at + 2}`),
      name: customer,
      role: 'customer',
      companies: [{ id: companyId, role: 'customer' }],
      conversationId: id(`conv${at + 1}`, `conv-${at + 123}`),
    }),
  );
  const as = searchParams.get('as');
  const customer = customers.find(({ name }) => name.toLowerCase() === as) ?? (customers[0] as Customer);
  const only = searchParams.get('only');
  const shown = [merchant, customer].filter(({ role }) => !only || only === role);
  const { conversationId } = customer;
  return { companyId, merchant, customers, customer, conversationId, shown, hasStory: !name };
}
