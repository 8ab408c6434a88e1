// What `azd up` takes: like dev, under the name that azd was given.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who deploys sets up the catalog, looks after it, and runs the smoke test; a group may stand for several.
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
param operatorAddress = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param size = readEnvironmentVariable('EVENTSTAC_SIZE', 'small')
param apiAccess = readEnvironmentVariable('EVENTSTAC_API_ACCESS', 'open')
param apiClientId = readEnvironmentVariable('EVENTSTAC_API_CLIENT_ID', '')
param apiHttp = readEnvironmentVariable('EVENTSTAC_API_HTTP', 'streams')
