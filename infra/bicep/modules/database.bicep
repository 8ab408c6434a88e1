metadata description = 'PostgreSQL flexible server for pgstac: Entra ID only, the extensions that the catalog needs, backups.'

import { person } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the server.')
param name string

@description('Size of the machine.')
param sku string

@description('Tier of the machine.')
param tier ('Burstable' | 'GeneralPurpose' | 'MemoryOptimized')

@description('Gigabytes of storage; it grows by itself.')
param storageGB int

@description('Days for which a backup is kept, and to any second of which the catalog can be restored.')
@minValue(7)
@maxValue(35)
param backupDays int

@description('Keep the backups in the paired region, too. Can be chosen only when the server is made.')
param geoRedundantBackup bool

@description('A second server in another zone that takes over. Not for Burstable.')
param highAvailability bool

@description('PgBouncer on port 6432, in transaction mode. Not for Burstable.')
param pgBouncer bool

@description('Who sets the catalog up; Entra administrator of the server.')
param administrator person

@description('An address on the Internet that is let in, for set-up; empty for none.')
param operatorAddress string = ''

@description('Reached through a private endpoint only; else Azure\'s own addresses are let in.')
param isPrivate bool

@description('Where logs and metrics go.')
param workspaceId string

var parameters = concat(
  [
    { name: 'azure.extensions', value: 'POSTGIS,BTREE_GIST,UNACCENT,PG_STAT_STATEMENTS' }
    { name: 'pg_stat_statements.track', value: 'top' }
    { name: 'log_min_duration_statement', value: '5000' }
    { name: 'require_secure_transport', value: 'on' }
  ],
  pgBouncer
    ? [
        { name: 'pgbouncer.enabled', value: 'true' }
        { name: 'pgbouncer.pool_mode', value: 'transaction' }
        // psycopg sends it when it connects
        { name: 'pgbouncer.ignore_startup_parameters', value: 'extra_float_digits,application_name' }
      ]
    // what is left out of a template stays as it was
    : tier == 'Burstable' ? [] : [{ name: 'pgbouncer.enabled', value: 'false' }]
)

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, tier: tier }
  properties: {
    version: '17'
    authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled', tenantId: tenant().tenantId }
    storage: { storageSizeGB: storageGB, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: backupDays, geoRedundantBackup: geoRedundantBackup ? 'Enabled' : 'Disabled' }
    highAvailability: { mode: highAvailability ? 'ZoneRedundant' : 'Disabled' }
    network: { publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled' }
  }
}

resource catalog 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2024-08-01' = {
  parent: server
  name: 'eventstac'
  properties: { charset: 'UTF8', collation: 'en_US.utf8' }
}

// 0.0.0.0 stands for addresses of Azure, where the apps are; a token is still asked for.
resource azureOnly 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = if (!isPrivate) {
  parent: server
  name: 'azure'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
  dependsOn: [catalog]
}

resource fromOperator 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = if (!isPrivate && !empty(operatorAddress)) {
  parent: server
  name: 'operator'
  properties: { startIpAddress: operatorAddress, endIpAddress: operatorAddress }
  dependsOn: [azureOnly]
}

// One change at a time, the administrator last: the server refuses two at once, and is busy for a while after it was made.
// (What is left out is no link of the chain: each names all that come before it.)
@batchSize(1)
resource parameter 'Microsoft.DBforPostgreSQL/flexibleServers/configurations@2024-08-01' = [
  for item in parameters: {
    parent: server
    name: item.name
    properties: { value: item.value, source: 'user-override' }
    dependsOn: [catalog, azureOnly, fromOperator]
  }
]

resource admin 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2024-08-01' = {
  parent: server
  name: administrator.objectId
  properties: {
    principalName: administrator.principalName
    principalType: administrator.principalType
    tenantId: tenant().tenantId
  }
  dependsOn: [parameter]
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: server
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'PostgreSQLLogs', enabled: true }]
  }
}

@description('Resource id of the server.')
output serverId string = server.id

@description('Host name of the server.')
output host string = server.properties.fullyQualifiedDomainName

@description('Port for the apps.')
output port string = pgBouncer ? '6432' : '5432'

@description('Name of the database.')
output databaseName string = catalog.name
