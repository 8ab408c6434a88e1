// What `azd up` takes: like dev, under the name that azd was given.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who deploys sets up the catalog, looks after it, and runs the smoke test; a group may stand for several.
// No defaults here: azd compiles this file before its hooks run, and only a compilation that fails is done again after
// the hook that sets the two (docs/azure-unverified.md).
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
// `none`: it sets up the database from inside Azure, whose addresses are let in anyhow.
var address = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param operatorAddress = address == 'none' ? '' : address
param size = readEnvironmentVariable('EVENTSTAC_SIZE', 'small')
// Where the rasters are, if they are somewhere already.
param existingStorage = empty(readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE', ''))
  ? null
  : {
      name: readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE', '')
      resourceGroup: readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE_GROUP', 'rg-eventstac-${environmentName}')
      subscriptionId: empty(readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE_SUBSCRIPTION', ''))
        ? null
        : readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE_SUBSCRIPTION', '')
      location: empty(readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE_LOCATION', ''))
        ? null
        : readEnvironmentVariable('EVENTSTAC_EXISTING_STORAGE_LOCATION', '')
    }
param existingSystemTopicName = readEnvironmentVariable('EVENTSTAC_EXISTING_SYSTEM_TOPIC', '')
param sourceContainers = map(
  split(readEnvironmentVariable('EVENTSTAC_SOURCE_CONTAINERS', 'source'), ','),
  name => trim(name)
)
param cogContainers = map(split(readEnvironmentVariable('EVENTSTAC_COG_CONTAINERS', 'cogs'), ','), name => trim(name))
param makeCogContainers = bool(readEnvironmentVariable('EVENTSTAC_MAKE_COG_CONTAINERS', 'true'))
param thumbnailsContainer = readEnvironmentVariable('EVENTSTAC_THUMBNAILS_CONTAINER', '')
param configContainer = readEnvironmentVariable('EVENTSTAC_CONFIG_CONTAINER', '')
param smokeContainer = readEnvironmentVariable('EVENTSTAC_SMOKE_CONTAINER', '')
param defaultCollection = readEnvironmentVariable('EVENTSTAC_DEFAULT_COLLECTION', 'bronze-tier')
// Who may read, and from where.
var isProduction = readEnvironmentVariable('AZURE_ENV_NAME') == 'prod'
var access = readEnvironmentVariable('EVENTSTAC_API_ACCESS', '')
param apiAccess = !empty(access) ? access : isProduction ? 'entra' : 'open'
param apiClientId = readEnvironmentVariable('EVENTSTAC_API_CLIENT_ID', '')
param apiHttp = readEnvironmentVariable('EVENTSTAC_API_HTTP', 'streams')
var isPrivate = bool(readEnvironmentVariable('EVENTSTAC_PRIVATE_NETWORK', 'false'))
var sku = readEnvironmentVariable('EVENTSTAC_SERVICE_BUS_SKU', '')
param privateNetwork = isPrivate
param natGatewayId = readEnvironmentVariable('EVENTSTAC_NAT_GATEWAY_ID', '')
param serviceBusSku = !empty(sku) ? sku : isPrivate ? 'Premium' : 'Standard'
param pgBouncer = bool(readEnvironmentVariable('EVENTSTAC_PGBOUNCER', 'false'))
param backupDays = int(readEnvironmentVariable('EVENTSTAC_BACKUP_DAYS', '7'))
param databaseGB = int(readEnvironmentVariable('EVENTSTAC_DATABASE_GB', '0'))
param alertMail = empty(readEnvironmentVariable('EVENTSTAC_ALERT_MAIL', ''))
  ? []
  : map(split(readEnvironmentVariable('EVENTSTAC_ALERT_MAIL', ''), ','), address => trim(address))
