import type { DbusInterface, Property } from '../../common/dbus/interface-table.js';
import { renamed } from '../../common/dbus/interface-table.js';
import type { Client } from '../client/client.js';
import { CLIENT_PROPERTIES } from './client-properties.js';
import { CLIENT_NAME, OLD_CLIENT_NAME } from './names.js';
import type { Operator } from './operator.js';
import { checkerValue, durationValue, intervalValue, secretValue, textValue } from './setting-values.js';

type Properties = Readonly<Record<string, Property<Client>>>;

/** The interface of a client, and the same under its old name. */
export function clientInterfaces(
  operator: Operator,
): readonly [DbusInterface<Client>, DbusInterface<Client>] {
  const table: DbusInterface<Client> = {
    name: CLIENT_NAME,
    methods: {
      Approve: {
        in: { value: 'b' },
        call: async (client, [granted], call) => {
          await operator.approve(client, granted === true, call);
          return [];
        },
      },
      CheckedOK: {
        call: async client => {
          await operator.checkedOk(client);
          return [];
        },
      },
      Enable: {
        deprecated: true,
        call: async (client, _, call) => {
          await operator.setEnabled(client, true, call);
          return [];
        },
      },
      Disable: {
        deprecated: true,
        call: async (client, _, call) => {
          await operator.setEnabled(client, false, call);
          return [];
        },
      },
      StartChecker: {
        deprecated: true,
        call: client => {
          operator.setChecking(client, true);
          return [];
        },
      },
      StopChecker: {
        deprecated: true,
        call: client => {
          operator.setChecking(client, false);
          return [];
        },
      },
    },
    signals: {
      CheckerCompleted: { args: { exitcode: 'n', waitstatus: 'x', command: 's' } },
      CheckerStarted: { args: { command: 's' } },
      GotSecret: {},
      NeedApproval: { args: { timeout: 't', default: 'b' } },
      PropertyChanged: { args: { property: 's', value: 'v' }, deprecated: true },
      Rejected: { args: { reason: 's' } },
    },
    properties: clientProperties(operator),
  };
  return [table, renamed(table, OLD_CLIENT_NAME, { deprecated: true })];
}

function clientProperties(operator: Operator): Properties {
  return {
    ...CLIENT_PROPERTIES,
    ApprovalDelay: {
      ...CLIENT_PROPERTIES.ApprovalDelay,
      set: (client, value, call) =>
        operator.change(client, 'approvalDelayMs', durationValue('ApprovalDelay', value), call),
    },
    ApprovalDuration: {
      ...CLIENT_PROPERTIES.ApprovalDuration,
      set: (client, value, call) =>
        operator.change(client, 'approvalDurationMs', durationValue('ApprovalDuration', value), call),
    },
    ApprovedByDefault: {
      ...CLIENT_PROPERTIES.ApprovedByDefault,
      set: (client, value, call) => operator.change(client, 'approvedByDefault', value === true, call),
    },
    CheckerRunning: {
      ...CLIENT_PROPERTIES.CheckerRunning,
      set: (client, value) => operator.setChecking(client, value === true),
    },
    Checker: {
      ...CLIENT_PROPERTIES.Checker,
      set: (client, value, call) => operator.change(client, 'checker', checkerValue('Checker', value), call),
    },
    Enabled: {
      ...CLIENT_PROPERTIES.Enabled,
      set: (client, value, call) => operator.setEnabled(client, value === true, call),
    },
    ExtendedTimeout: {
      ...CLIENT_PROPERTIES.ExtendedTimeout,
      set: (client, value, call) =>
        operator.change(client, 'extendedTimeoutMs', durationValue('ExtendedTimeout', value), call),
    },
    Host: {
      ...CLIENT_PROPERTIES.Host,
      set: (client, value, call) => operator.change(client, 'host', textValue('Host', value), call),
    },
    Interval: {
      ...CLIENT_PROPERTIES.Interval,
      set: (client, value, call) =>
        operator.change(client, 'intervalMs', intervalValue('Interval', value), call),
    },
    LastCheckedOK: {
      ...CLIENT_PROPERTIES.LastCheckedOK,
      // Whatever text is sent: the time is now.
      set: client => operator.checkedOk(client),
    },
    Secret: {
      type: 'ay',
      emitsChanged: 'invalidates',
      set: (client, value, call) => operator.setSecret(client, secretValue('Secret', value), call),
    },
    Timeout: {
      ...CLIENT_PROPERTIES.Timeout,
      set: (client, value, call) =>
        operator.change(client, 'timeoutMs', durationValue('Timeout', value), call),
    },
  };
}
